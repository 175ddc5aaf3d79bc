import { expect, test } from '@jest/globals';
import stringWidth from 'string-width';
import { layOut } from '../../src/cli/views/columns.ts';

const column = (title: string, text: string, status = 'writing') => ({ title, status, figures: '74 tok', text });
const lines = (text: string) => text.split('\n');

test('columns stand side by side, each under its model', () => {
  const [titles, statuses, figures, rule, first] = lines(
    layOut([column('a/one', 'Rivers bend'), column('b/two', 'because water')], { width: 63, height: 20 }),
  );
  expect(titles).toBe(`${'a/one'.padEnd(30)} │ b/two`);
  expect(statuses).toBe(`${'writing'.padEnd(30)} │ writing`);
  expect(figures).toBe(`${'74 tok'.padEnd(30)} │ 74 tok`);
  expect(rule).toBe(`${'─'.repeat(30)}─┼─${'─'.repeat(30)}`);
  expect(first).toBe(`${'Rivers bend'.padEnd(30)} │ because water`);
});

test('indentation stays, and a line that was wrapped begins with a word', () => {
  const drawn = layOut([column('a', `  indented ${'and so on '.repeat(5)}`), column('b', '')], {
    width: 63,
    height: 9,
  });
  expect(
    lines(drawn)
      .slice(4)
      .map((line) => line.split(' │')[0]!.trimEnd()),
  ).toEqual(['  indented and so on and so on', 'and so on and so on and so on']);
});

test('words are wrapped whole, and words wider than the column are cut', () => {
  const text = `one two three four five six seven ${'x'.repeat(50)}`;
  const body = lines(layOut([column('a/one', text), column('b/two', '')], { width: 63, height: 20 })).slice(4);
  expect(body.map((line) => line.split(' │')[0]!.trim())).toEqual([
    'one two three four five six',
    `seven ${'x'.repeat(24)}`,
    'x'.repeat(26),
  ]);
});

test('no line is wider than the terminal, also with wide characters and emoji', () => {
  const text = '川が曲がるのはなぜですか。'.repeat(9) + '🌊🏞️👩‍👩‍👧‍👦'.repeat(9);
  for (const width of [40, 63, 80, 121]) {
    const drawn = layOut([column('a/一二三', text), column('b/two', text), column('c', 'x')], { width, height: 99 });
    for (const line of lines(drawn)) expect(stringWidth(line)).toBeLessThanOrEqual(width);
  }
});

test('a wide character does not shift the line between the columns', () => {
  const drawn = lines(layOut([column('a/one', '川川川'), column('b/two', 'text')], { width: 63, height: 20 }));
  const gaps = drawn.map((line) => stringWidth(line.slice(0, line.search(/[│┼]/))));
  expect(new Set(gaps)).toEqual(new Set([31]));
});

test('texts higher than the terminal show their end, with the heads above', () => {
  const text = Array.from({ length: 50 }, (_, n) => `line ${n}`).join('\n');
  const drawn = lines(layOut([column('a/one', text), column('b/two', 'short')], { width: 63, height: 10 }));
  expect(drawn).toHaveLength(10);
  expect(drawn[0]).toContain('a/one');
  expect(drawn.at(-1)).toContain('line 49');
  expect(drawn[4]).toContain('line 44');
});

test('without a limit of height all lines are there', () => {
  const text = Array.from({ length: 500 }, (_, n) => `line ${n}`).join('\n');
  const drawn = lines(layOut([column('a/one', text), column('b/two', '')], { width: 63, height: Infinity }));
  expect(drawn).toHaveLength(504);
});

test('where columns would be too narrow, answers stand under one another and fit the height', () => {
  const text = Array.from({ length: 50 }, (_, n) => `line ${n}`).join('\n');
  const drawn = lines(layOut([column('a/one', text), column('b/two', text)], { width: 40, height: 20 }));
  expect(drawn[0]).toBe('── a/one · writing · 74 tok');
  expect(drawn.filter((line) => line.startsWith('── '))).toHaveLength(2);
  expect(drawn.length).toBeLessThanOrEqual(20);
  expect(drawn.join('\n')).not.toContain('│');
});

test('long names of models are cut in their middle', () => {
  const [title] = lines(
    layOut([column(`provider/${'m'.repeat(60)}-end`, ''), column('b', '')], { width: 63, height: 9 }),
  );
  expect(title).toMatch(/^provider\/m+…m+-end +│ b$/);
});
