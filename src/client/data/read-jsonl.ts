import { shortened } from '../../contract/index.ts';
import { decodeText, unusable } from './decode-text.ts';

/** Longer lines are taken for a mistake, such as a file that is not made of lines. */
export const MOST_CHARACTERS = 8_000_000;

/** One JSON value a line; empty lines are passed over. @throws CadenzaError naming the line that is not JSON */
export async function* readJsonl(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<unknown> {
  for await (const { line, text } of lines(decodeText(chunks))) {
    if (text.trim() === '') continue;
    yield parsed(text, line);
  }
}

/** The lines of a text that comes in pieces, numbered from 1, without their ends. */
async function* lines(pieces: AsyncIterable<string>): AsyncGenerator<{ line: number; text: string }> {
  let line = 0;
  let rest = '';
  for await (const piece of pieces) {
    const ended = (rest + piece).split('\n');
    rest = ended.pop()!;
    for (const text of ended) yield { line: ++line, text: text.replace(/\r$/, '') };
    if (rest.length > MOST_CHARACTERS) throw unusable(`Line ${line + 1} is longer than 8 MB`);
  }
  if (rest !== '') yield { line: line + 1, text: rest };
}

function parsed(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unusable(
      `Line ${line} is not JSON: ${shortened(text, 60)}`,
      'Each line of JSONL is one JSON value, such as {"name": "Ada"}',
    );
  }
}
