import { CsvError, parse } from 'csv-parse/sync';
import type { Block, ReadDocument } from './document.ts';
import { UnreadableError } from './document.ts';

const DELIMITERS = [',', ';', '\t', '|'];

/**
 * Comma-separated values: each row stays whole, and stands under the names of its columns.
 * @throws UnreadableError naming the line
 */
export function readCsv(text: string): ReadDocument {
  const records = recordsOf(text);
  const [first] = records;
  if (!first) return { text, blocks: [] };
  const heading = first.record.map((name) => name.trim()).join(', ');
  let start = 0;
  const blocks = records.map(({ raw }, index): Block => {
    const at = text.indexOf(raw, start);
    start = at + raw.length;
    return { start: at, end: start, heading, byLine: true, ...(index === 0 ? { isHeading: true } : {}) };
  });
  return { text, blocks };
}

function recordsOf(text: string): { record: string[]; raw: string }[] {
  const line = text.slice(0, text.search(/\r?\n/) + 1 || undefined).replaceAll(/"[^"]*"/g, '');
  const counts = DELIMITERS.map((delimiter) => line.split(delimiter).length);
  const delimiter = DELIMITERS[counts.indexOf(Math.max(...counts))]!;
  try {
    return parse(text, { delimiter, raw: true, relax_column_count: true, skip_empty_lines: true }) as never;
  } catch (thrown) {
    if (!(thrown instanceof CsvError)) throw thrown;
    throw new UnreadableError(`It is no CSV: ${thrown.message}`);
  }
}
