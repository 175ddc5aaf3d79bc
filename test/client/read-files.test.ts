import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { readCsv } from '../../src/client/data/read-csv.ts';
import { readJsonl } from '../../src/client/data/read-jsonl.ts';
import { storable } from '../../src/store/storable-json.ts';

/** A file that comes in pieces of so many bytes, which cut lines and letters in two. */
async function* pieces(bytes: Uint8Array, size = 3): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const ENCODED: Record<string, (text: string) => Uint8Array> = {
  'UTF-8': (text) => Buffer.from(text),
  'UTF-8 with a mark': (text) => Buffer.from(`\uFEFF${text}`),
  'UTF-16 LE': (text) => Buffer.from(`\uFEFF${text}`, 'utf16le'),
  'UTF-16 LE without a mark': (text) => Buffer.from(text, 'utf16le'),
  'UTF-16 BE': (text) => Buffer.from(`\uFEFF${text}`, 'utf16le').swap16(),
};
const SIZES = [1, 2, 3, 1_000];

test.each(Object.keys(ENCODED))('CSV and JSONL in %s are read, whatever their pieces', async (name) => {
  for (const size of SIZES) {
    const csv = ENCODED[name]!('name;says\r\nZoë;"a;b ""c"""\r\nBob 😀;\r\n');
    expect(await Array.fromAsync(readCsv(pieces(csv, size)))).toEqual([
      { name: 'Zoë', says: 'a;b "c"' },
      { name: 'Bob 😀', says: '' },
    ]);
    const jsonl = ENCODED[name]!('{"name":"Zoë 😀"}\r\n\r\n[1]');
    expect(await Array.fromAsync(readJsonl(pieces(jsonl, size)))).toEqual([{ name: 'Zoë 😀' }, [1]]);
  }
});

test.each(SIZES)('CSV of an old Excel (Windows-1252) is read, in pieces of %i bytes', async (size) => {
  const bytes = Buffer.concat([Buffer.from('name;price\r\nCaf\xe9;5 ', 'latin1'), Buffer.from([0x80])]);
  expect(await Array.fromAsync(readCsv(pieces(bytes, size)))).toEqual([{ name: 'Café', price: '5 €' }]);
});

test('CSV that is neither UTF-8 nor Windows-1252 is refused with its line', async () => {
  const shiftJis = Buffer.from([...Buffer.from('name\nx\n'), 0x83, 0x81, 0x81, 0x5b, 0x0a]);
  await expect(Array.fromAsync(readCsv(pieces(shiftJis)))).rejects.toThrow(/not UTF-8, from line 3 on/);
});

test.each([
  ['a line that names the delimiter', 'sep=;\r\na;b\r\n1,5;2\r\n', [{ a: '1,5', b: '2' }]],
  ['tabs', 'a\tb\n1\t2\n', [{ a: '1', b: '2' }]],
  ['semicolons, and commas within quoted names', '"a,b,c";d\n1;2\n', [{ 'a,b,c': '1', d: '2' }]],
  ['a line break within a name', '"a\nb",c\n1,2\n', [{ 'a\nb': '1', c: '2' }]],
  ['empty columns and rows at the end', 'a;b;;\n1;2;;\n;;;\n', [{ a: '1', b: '2' }]],
  [
    'the index of pandas',
    ',a,b\n0,1,2\n1,3,\n',
    [
      { a: '1', b: '2' },
      { a: '3', b: '' },
    ],
  ],
  ['one column', 'a\n1\n2\n', [{ a: '1' }, { a: '2' }]],
  ['line ends of old Macs', 'a,b\r1,2\r', [{ a: '1', b: '2' }]],
])('CSV with %s', async (_name, text, rows) => {
  for (const size of SIZES) expect(await Array.fromAsync(readCsv(pieces(Buffer.from(text), size)))).toEqual(rows);
});

test('JSONL with separators that are no line ends, and a NUL', async () => {
  const cases = JSON.parse(readFileSync(new URL('../providers/cases/wire-cases.json', import.meta.url), 'utf8'));
  const { input, expect: wanted } = cases.find(({ id }: { id: string }) => id === 'jsonl-with-line-separators');
  const rows = await Array.fromAsync(readJsonl(pieces(Buffer.from(input.content, 'base64'))));
  expect(rows).toHaveLength(wanted.rows);
  expect(rows.slice(0, 2)).toEqual([wanted.row1, wanted.row2]);
  expect(storable(rows[2])).toEqual({ id: 'b', text: 'nul \uFFFD here' });
});
