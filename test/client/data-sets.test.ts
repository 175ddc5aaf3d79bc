import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { DataFormat } from '../../src/contract/index.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { query } from '../store/fresh-store.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await testBed();
});
afterAll(() => bed.close());

/** A file that comes in pieces of so many bytes, which cut lines and letters in two. */
async function* file(text: string, size = 3): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function rowsOf(text: string, format: DataFormat): Promise<unknown[]> {
  const { id } = await bed.client.upload(file(text), format);
  const url = bed.databaseUrl;
  const rows = await query<{ item: unknown }>(url, `select item from data_rows where data_set = '${id}' order by row`);
  return rows.map(({ item }) => item);
}

test('JSONL is read line by line, whatever its pieces and line ends', async () => {
  expect(await rowsOf('{"z":1,"a":"Zürich – 東京"}\r\n\n"text"\n[1,2]', 'jsonl')).toEqual([
    { z: 1, a: 'Zürich – 東京' },
    'text',
    [1, 2],
  ]);
});

test('CSV is read under its line of names, with quotes, line breaks and a byte order mark', async () => {
  expect(await rowsOf('\uFEFFname, says\nAda,"one, two\nthree"\n\nBob,""\n', 'csv')).toEqual([
    { name: 'Ada', says: 'one, two\nthree' },
    { name: 'Bob', says: '' },
  ]);
});

test('the fields of a row keep their order', async () => {
  const [row] = await rowsOf('{"second":1,"b":2,"a":3}', 'jsonl');
  expect(Object.keys(row as object)).toEqual(['second', 'b', 'a']);
});

test('equal data is kept once', async () => {
  const first = await bed.client.upload(file('{"a":1}\n{"a":2}\n'), 'jsonl');
  expect(first).toEqual({ id: expect.stringMatching(/^data-/), count: 2, fields: ['a'] });
  expect(await bed.client.upload(file('{"a":1}\n\n{"a":2}'), 'jsonl')).toEqual(first);
  expect((await bed.client.upload(file('{"a":2}\n{"a":1}'), 'jsonl')).id).not.toBe(first.id);
});

const bad: [name: string, format: DataFormat, text: string, says: RegExp][] = [
  ['a line that is not JSON', 'jsonl', '{"a":1}\n\n{"a":\n', /^Line 3 is not JSON: \{"a":/],
  ['a record with a field too few', 'csv', 'a,b\n1,2\n3\n', /^Line 3 /],
  ['a quote that never closes', 'csv', 'a,b\n1,2\n3,"x\n', /^Line 3 .*Quote Not Closed/i],
  ['a column without a name', 'csv', 'a,,c\n1,2,3\n', /^Line 1 .*column 2 has no name/],
  ['two columns of one name', 'csv', 'a,b,a\n1,2,3\n', /^Line 1 .*"a" is there twice/],
  ['no rows', 'jsonl', '\n\n', /has no rows/],
  ['names and no rows', 'csv', 'a,b\n', /has no rows/],
];

test.each(bad)('%s is named, and nothing is kept', async (_name, format, text, says) => {
  const sets = () =>
    query<{ n: string }>(
      bed.databaseUrl,
      'select (select count(*) from data_sets) + (select count(*) from data_rows) as n',
    );
  const before = await sets();
  await expect(bed.client.upload(file(text), format)).rejects.toMatchObject({
    code: 'InvalidRequest',
    message: expect.stringMatching(says),
  });
  expect(await sets()).toEqual(before);
});

test('text that is not UTF-8 is refused with its line', async () => {
  async function* latin() {
    yield Buffer.from('{"a":1}\n{"a":"M\xfcnchen"}\n', 'latin1');
  }
  await expect(bed.client.upload(latin(), 'jsonl')).rejects.toMatchObject({
    message: expect.stringMatching(/not UTF-8/),
  });
});
