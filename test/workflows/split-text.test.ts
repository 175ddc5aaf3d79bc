import { expect, test } from '@jest/globals';
import { estimatedTokens, grouped, splitText } from '../../src/workflows/steps/split-text.ts';
import { cpuMs } from '../setup/cpu-time.ts';

const sentence = 'The river bends again, and again. ';
const paragraph = `${sentence.repeat(5).trim()}\n\n`;

test('nothing of a text is lost, and no part is over its limit', () => {
  const text = `${paragraph.repeat(7)}${'endless'.repeat(200)} 川は曲がる。${'また曲がる。'.repeat(40)}${'🙂'.repeat(60)}`;
  for (const limit of [3, 10, 50, 200, 10_000]) {
    const parts = splitText(text, limit);
    expect(parts.join('')).toBe(text);
    expect(Math.max(...parts.map(estimatedTokens))).toBeLessThanOrEqual(limit);
    // a part cut through a character would not survive this
    expect(parts.every((part) => part.isWellFormed())).toBe(true);
  }
});

test('parts end with a paragraph where paragraphs fit', () => {
  const parts = splitText(paragraph.repeat(9), 100);
  expect(parts.length).toBeGreaterThan(1);
  for (const part of parts) expect(part.endsWith('\n\n')).toBe(true);
});

test('a paragraph that is too long is cut between sentences', () => {
  const parts = splitText(sentence.repeat(20).trim(), 20);
  for (const part of parts) expect(part.trim()).toMatch(/^The .*again\.$/);
});

test('a megabyte is cut in well under a second', async () => {
  const text = paragraph.repeat(Math.ceil(1_000_000 / paragraph.length));
  const spent = await cpuMs(() => expect(splitText(text, 10_000).length).toBeGreaterThan(20));
  expect(spent).toBeLessThan(5_000);
});

test('no text has no parts', () => {
  expect(splitText('', 10)).toEqual([]);
});

test('groups fit their limit, but hold at least two', () => {
  const texts = ['aaaa', 'bbbb', 'cccc', 'dddd', 'eeee'];
  expect(grouped(texts, 3)).toEqual([texts.slice(0, 3), texts.slice(3)]);
  expect(grouped(texts, 0).map(({ length }) => length)).toEqual([2, 2, 1]);
});
