import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { findQuote } from '../../src/contract/index.ts';
import { chunksOf } from '../../src/documents/chunk.ts';
import { fused } from '../../src/documents/fuse.ts';
import { readDocument } from '../../src/documents/index.ts';
import { estimateTokens } from '../../src/providers/index.ts';

const files = path.resolve(import.meta.dirname, 'files');
const read = (text: string, type: Parameters<typeof readDocument>[1]) => readDocument(Buffer.from(text), type);
const cut = (document: Awaited<ReturnType<typeof read>>, tokens: number, overlap = 0) => [
  ...chunksOf(document, { tokens, overlap }, estimateTokens),
];

test('chunks are slices of the text, whole together, within their size, with their lines', async () => {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../docs/architecture.md'), 'utf8');
  const document = await read(text, 'markdown');
  const chunks = cut(document, 150, 30);
  let covered = 0;
  for (const chunk of chunks) {
    const { start, end } = chunk.span;
    expect(text.slice(start, end)).toBe(chunk.text);
    expect(text.slice(covered, start).trim()).toBe('');
    expect(estimateTokens(chunk.text)).toBeLessThanOrEqual(155);
    const lines = text
      .split('\n')
      .slice(chunk.lines.from - 1, chunk.lines.to)
      .join('\n');
    expect(lines).toContain(chunk.text);
    covered = end;
  }
  expect(text.slice(covered).trim()).toBe('');
  const overlapping = chunks.filter(({ span }, index) => index > 0 && span.start < chunks[index - 1]!.span.end);
  expect(overlapping.length).toBeGreaterThan(3);
});

test('a chunk stands under the headings above it, and never under two', async () => {
  const markdown = '---\ntitle: The guide\n---\n\n# One\n\nFirst.\n\n### Deep\n\nThird.\n\n## Two\n\nSecond.\n';
  const document = await read(markdown, 'markdown');
  expect(document.title).toBe('The guide');
  expect(cut(document, 200).map(({ heading, text }) => [heading, text.split('\n').at(-1)])).toEqual([
    [undefined, '---'],
    ['One', 'First.'],
    ['One > Deep', 'Third.'],
    ['One > Two', 'Second.'],
  ]);
});

test('a text without any border is cut all the same, and never through a character', async () => {
  const text = `${'😀'.repeat(700)}${'x'.repeat(3_000)}`;
  const chunks = cut(await read(text, 'text'), 100);
  expect(chunks.map((chunk) => chunk.text).join('')).toBe(text);
  expect(chunks.every((chunk) => chunk.text.isWellFormed())).toBe(true);
});

test('rows of a CSV stay whole, under the names of its columns', async () => {
  const rows = Array.from({ length: 40 }, (_, n) => `"Row ${n},\nof two lines",${n}\n`).join('');
  const chunks = cut(await read(`name,number\n${rows}`, 'csv'), 60);
  expect(chunks.length).toBeGreaterThan(5);
  for (const { text, heading } of chunks) {
    expect(heading).toBe('name, number');
    expect(text.split('"').length % 2).toBe(1);
  }
  await expect(read('a,b\n"never closed', 'csv')).rejects.toThrow(/It is no CSV/);
});

test.each([
  '<html><title>Fens &amp; bogs</title><body><p>Fens are wet.</p></body></html>',
  '<!doctype html><title>Fens &amp; bogs</title><p>Fens are <b>wet</b>.',
  '<HTML lang="en"><HEAD><TITLE>Fens &amp; bogs</TITLE><style>p { color: red }</style></HEAD><p>Fens are wet.</p><nav>Home</nav></HTML>',
])('a page says what it says, whichever tags are left out: %s', async (html) => {
  const { text, title } = await read(html, 'html');
  expect([title, text.replaceAll('*', '')]).toEqual(['Fens & bogs', '# Fens & bogs\n\nFens are wet.']);
});

test('what cannot be read says what it is', async () => {
  const pdf = (name: string) => readDocument(readFileSync(path.join(files, name)), 'pdf');
  await expect(pdf('empty-page.pdf')).rejects.toThrow('The PDF holds no text');
  await expect(read('%PDF-1.4 cut', 'pdf')).rejects.toThrow(/The PDF cannot be read/);
  await expect(read('PK no zip', 'docx')).rejects.toThrow(/The Word document cannot be read/);
  await expect(read('a\0b', 'text')).rejects.toThrow(/NUL/);
});

test('a quote is found but for spaces, case, emphasis and the shape of marks; other words are not', () => {
  const text = 'The **lamp** was\n  lit “for the first time” – in October 1871. It burned oil.';
  const found = (quote: string) => {
    const span = findQuote(text, quote);
    return span && text.slice(span.start, span.end);
  };
  expect(found('the lamp was lit "for the first time" - in october 1871.')).toBe(
    'The **lamp** was\n  lit “for the first time” – in October 1871.',
  );
  expect(found('"It burned oil..."')).toBe('It burned oil');
  expect(found('The lamp was lit in October 1871')).toBeUndefined();
  expect(found('…')).toBeUndefined();
});

test('what two rankings agree on comes first (reciprocal rank fusion)', () => {
  const ranking = fused([
    ['a', 'b', 'c'],
    ['d', 'b', 'a'],
  ]);
  expect(ranking.map(({ item }) => item)).toEqual(['a', 'b', 'd', 'c']);
  expect(ranking[0]!.score).toBeCloseTo(1 / 61 + 1 / 63, 12);
});
