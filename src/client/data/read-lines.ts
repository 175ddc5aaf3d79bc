import { TextDecoder } from 'node:util';
import { unusable } from './unusable.ts';

/** Longer lines are taken for a mistake, such as a file that is not made of lines. */
export const MOST_CHARACTERS = 8_000_000;

/** The lines of a text that comes in chunks, numbered from 1, without their ends. */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<{ line: number; text: string }> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 0;
  let rest = '';
  for await (const chunk of chunks) {
    const pieces = (rest + decoded(decoder, chunk, line + 1)).split('\n');
    rest = pieces.pop()!;
    for (const piece of pieces) yield { line: ++line, text: piece.replace(/\r$/, '') };
    if (rest.length > MOST_CHARACTERS) throw unusable(`Line ${line + 1} is longer than 8 MB`);
  }
  rest += decoded(decoder, undefined, line + 1);
  if (rest !== '') yield { line: line + 1, text: rest };
}

function decoded(decoder: TextDecoder, chunk: Uint8Array | string | undefined, line: number): string {
  if (typeof chunk === 'string') return chunk;
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch {
    throw unusable(`The text is not UTF-8, from line ${line} on`);
  }
}
