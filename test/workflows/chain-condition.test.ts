import { expect, test } from '@jest/globals';
import { type Condition, conditionText } from '../../src/contract/index.ts';
import { holds } from '../../src/workflows/chain/holds.ts';
import { cpuMs } from '../setup/cpu-time.ts';

const scope = {
  input: { score: 0.7, words: '1200', tags: ['red', 'blue'], language: 'de', empty: '', no: false },
  results: new Map(),
};
const score = '{{input.score}}';

const table: [holds: boolean, condition: Condition][] = [
  [true, { value: score, equals: 0.7 }],
  [false, { value: score, equals: '0.7' }],
  [true, { value: score, gte: 0.7, lt: 0.8 }],
  [false, { value: score, gt: 0.7 }],
  [true, { value: score, lte: 0.7 }],
  [true, { value: '{{input.words}}', gt: 1000 }],
  [false, { value: '{{input.language}}', lt: 1000 }],
  [false, { value: '{{input.empty}}', lt: 1000 }],
  [true, { value: '{{input.tags}}', equals: ['red', 'blue'] }],
  [false, { value: '{{input.tags}}', equals: ['blue', 'red'] }],
  [true, { value: { a: '{{input.no}}' }, equals: { a: false } }],
  [true, { value: '{{input.language}}', in: ['en', '{{input.language}}'] }],
  [false, { value: '{{input.language}}', in: ['en', 'fr'] }],
  [true, { value: 'Yes, it is.', matches: 'yes*' }],
  [true, { value: 'Yes, it is.', matches: '*it*is*' }],
  [false, { value: 'Yes, it is.', matches: 'yes' }],
  [false, { value: 'ab', matches: 'ab*b' }],
  [false, { value: 'aba', matches: 'ab*ba' }],
  [true, { value: 'anything', matches: '*' }],
  [true, { value: '{{input.tags}}', contains: 'red' }],
  [false, { value: '{{input.tags}}', contains: 're' }],
  [true, { value: 'All GOOD now', contains: 'good' }],
  [false, { value: '{{input.empty}}', exists: true }],
  [true, { value: '{{input.no}}', exists: true }],
  [true, { value: '{{input.missing}}', exists: false }],
  [true, { not: { value: score, equals: 1 } }],
  [
    true,
    {
      and: [
        { value: score, gt: 0 },
        {
          or: [
            { value: score, gt: 1 },
            { value: score, lt: 1 },
          ],
        },
      ],
    },
  ],
  [
    false,
    {
      and: [
        { value: score, gt: 0 },
        { value: score, gt: 1 },
      ],
    },
  ],
];

test.each(table)('%j: %j', (expected, condition) => {
  expect(holds(condition, scope)).toBe(expected);
});

test('a pattern made to take forever does not', async () => {
  const condition = { value: 'a'.repeat(200_000), matches: `${'*a'.repeat(2_000)}*b` };
  expect(await cpuMs(() => expect(holds(condition, scope)).toBe(false))).toBeLessThan(2_000);
});

test('a condition is told in words', () => {
  expect(
    conditionText({
      and: [
        { value: '{{steps.review.object.score}}', gte: 0.7, lt: 1 },
        { or: [{ value: '{{input.language}}', in: ['de', 'en'] }, { not: { value: '{{input.x}}', exists: true } }] },
      ],
    }),
  ).toBe(
    'steps.review.object.score >= 0.7 and < 1 and (input.language is one of ["de","en"] or not (input.x exists: true))',
  );
});
