import { expect, test } from '@jest/globals';
import { factsOf, hasCode } from '../../src/workflows/steps/route-facts.ts';

test.each([
  ['Fix this:\n```\nx = 1\n```'],
  ['def f(x): return x * 2'],
  ['SELECT name FROM towns WHERE size > 10'],
  ['What does `xs.map((x) => x + 1)` give?'],
  ['Traceback (most recent call last):\n  File "a.py", line 1'],
  ['if (a) {\n  b();\n}'],
  ['#include <stdio.h>'],
  ['const xs = [1, 2];'],
])('this has code: %j', (text) => expect(hasCode(text)).toBe(true));

test.each([
  ['What is the capital of France?'],
  ['Please select three apples from the basket; then return them.'],
  ['Solve 3x + 2 = 11 (for x).'],
  ['Import duties rose in 2024: why?'],
  ['Write a function of a king in a play (a fool, perhaps).'],
  ['Let us go; the class begins at nine.'],
])('this has no code: %j', (text) => expect(hasCode(text)).toBe(false));

test('the facts are of the whole conversation, the text is what the user said last', () => {
  const facts = factsOf({
    system: 'Be short.',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image', url: 'https://example.com/a.png' },
          { type: 'text', text: '```js\n1\n```' },
        ],
      },
      { role: 'assistant', content: 'Fine.' },
      { role: 'user', content: 'And now?' },
    ],
  });
  expect(facts).toEqual({ tokens: 33 / 4, code: true, images: true, text: 'And now?' });
});

test('of a long text a router sees the beginning and the end', () => {
  const { text, tokens } = factsOf({ prompt: `first ${'word '.repeat(10_000)}last` });
  expect(text.length).toBeLessThan(8_010);
  expect(text.startsWith('first')).toBe(true);
  expect(text.endsWith('last')).toBe(true);
  expect(tokens).toBeGreaterThan(12_000);
});
