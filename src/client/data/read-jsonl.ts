import { readLines } from './read-lines.ts';
import { unusable } from './unusable.ts';

/** One JSON value a line; empty lines are passed over. @throws CadenzaError naming the line that is not JSON */
export async function* readJsonl(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<unknown> {
  for await (const { line, text } of readLines(chunks)) {
    if (text.trim() === '') continue;
    yield parsed(text, line);
  }
}

function parsed(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const shown = text.length > 60 ? `${text.slice(0, 59)}…` : text;
    throw unusable(
      `Line ${line} is not JSON: ${shown}`,
      'Each line of JSONL is one JSON value, such as {"name": "Ada"}',
    );
  }
}
