import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { decodeText, unusable } from './decode-text.ts';
import { MOST_CHARACTERS } from './read-jsonl.ts';

/** What stands between fields: the first of those that the line of names holds most of. Excel writes what its country uses. */
const DELIMITERS = [',', ';', '\t', '|'];

/** Records under a line of names, as objects of texts. @throws CadenzaError naming the line that does not fit */
export async function* readCsv(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<unknown> {
  const text = decodeText(chunks, { legacy: true });
  const { delimiter, begun, skipped } = await beginning(text);
  const parser = parse({
    columns: named,
    delimiter,
    skip_records_with_empty_values: true,
    skip_empty_lines: true,
    max_record_size: MOST_CHARACTERS,
  });
  const source = Readable.from(followed(begun, text), { objectMode: false });
  // A source that breaks must end the reading too, which a pipe alone does not do.
  source.on('error', (error) => parser.destroy(error));
  try {
    for await (const record of source.pipe(parser)) yield record;
  } catch (thrown) {
    throw thrown instanceof CsvError
      ? unusable(`Line ${lineOf(thrown) + skipped} is no CSV like the others: ${thrown.message}`)
      : thrown;
  } finally {
    source.destroy();
  }
}

/** Reads as far as the line of names, and finds what stands between them; Excel may say so itself (`sep=;`). */
async function beginning(text: AsyncIterator<string>) {
  let begun = '';
  for (let end = -1; end === -1 && begun.length < MOST_CHARACTERS; end = lineEnd(begun.replace(/\r$/, ''))) {
    const { done, value } = await text.next();
    if (done) break;
    begun += value;
  }
  const told = /^"?sep=(.)"?\r?\n?/i.exec(begun);
  if (told) return { delimiter: told[1]!, begun: begun.slice(told[0].length), skipped: 1 };
  const unquoted = begun.slice(0, lineEnd(begun) === -1 ? undefined : lineEnd(begun)).replace(/"[^"]*"/g, '');
  const counts = DELIMITERS.map((delimiter) => unquoted.split(delimiter).length);
  return { delimiter: DELIMITERS[counts.indexOf(Math.max(...counts))]!, begun, skipped: 0 };
}

/** Where the first line ends, line breaks in quotes left aside; -1 if nowhere yet. */
function lineEnd(text: string): number {
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') quoted = !quoted;
    else if (!quoted && (text[at] === '\n' || text[at] === '\r')) return at;
  }
  return -1;
}

async function* followed(begun: string, text: AsyncGenerator<string>): AsyncGenerator<string> {
  if (begun !== '') yield begun;
  yield* text;
}

/** The names of the columns; those without one at the end, as spreadsheets leave them, or alone at the beginning, as
 *  pandas writes its index, are passed over. */
function named(header: string[]): (string | false)[] {
  const names = header.map((name) => name.trim());
  const last = names.findLastIndex((name) => name !== '');
  const empty = names.indexOf('', 1);
  if (empty !== -1 && empty < last) throw unusable(`Line 1 names the columns, and column ${empty + 1} has no name`);
  const twice = names.find((name, index) => name !== '' && names.indexOf(name) !== index);
  if (twice !== undefined) throw unusable(`Line 1 names the columns, and "${twice}" is there twice`);
  return names.map((name) => (name !== '' ? name : false));
}

function lineOf(error: CsvError): number {
  return (error as { lines?: number }).lines ?? 1;
}
