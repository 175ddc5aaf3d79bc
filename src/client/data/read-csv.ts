import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { MOST_CHARACTERS } from './read-lines.ts';
import { unusable } from './unusable.ts';

/** Records under a line of names, as objects of texts. @throws CadenzaError naming the line that does not fit */
export async function* readCsv(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<unknown> {
  const parser = parse({ columns: named, bom: true, skip_empty_lines: true, max_record_size: MOST_CHARACTERS });
  const source = Readable.from(chunks, { objectMode: false });
  // A source that breaks must end the reading too, which a pipe alone does not do.
  source.on('error', (error) => parser.destroy(error));
  try {
    for await (const record of source.pipe(parser)) yield record;
  } catch (thrown) {
    throw thrown instanceof CsvError
      ? unusable(`Line ${lineOf(thrown)} is no CSV like the others: ${thrown.message}`)
      : thrown;
  } finally {
    source.destroy();
  }
}

function named(header: string[]): string[] {
  const names = header.map((name) => name.trim());
  const empty = names.indexOf('');
  if (empty !== -1) throw unusable(`Line 1 names the columns, and column ${empty + 1} has no name`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw unusable(`Line 1 names the columns, and "${twice}" is there twice`);
  return names;
}

function lineOf(error: CsvError): number {
  return (error as { lines?: number }).lines ?? 1;
}
