import { expect, test } from '@jest/globals';
import { normalised } from '../../src/workflows/steps/normalise.ts';
import { tally } from '../../src/workflows/steps/vote.ts';

const same: [string, string][] = [
  ['1,000.0', '1000'],
  ['$1,000.00', '1000'],
  ['The answer is 1,234,567.', 'the answer is 1234567'],
  ['007', '7'],
  ['+3', '3'],
  ['−5', '-5'],
  ['-0.0', '0'],
  ['2.50', '2.5'],
  ['  Paris. ', 'paris'],
  ['**Paris**!', 'paris'],
  ['“Don’t know”', 'dont know'],
  ['Twenty-one', 'twenty one'],
  ['50 %', '50%'],
  ['Ｙｅｓ', 'yes'],
  ['U.S.', 'us'],
];
test.each(same)('"%s" is the same answer as "%s"', (left, right) => {
  expect(normalised(left)).toBe(normalised(right));
});

const different: [string, string][] = [
  ['-5', '5'],
  ['50%', '50'],
  ['1.5', '15'],
  ['C#', 'C'],
  ['1,00', '100'],
  ['3 4', '34'],
  ['10000000000000000001', '10000000000000000002'],
];
test.each(different)('"%s" is another answer than "%s"', (left, right) => {
  expect(normalised(left)).not.toBe(normalised(right));
});

test('a range and a negative number are told apart', () => {
  expect(normalised('3-5')).toBe('3 5');
  expect(normalised('x = -5')).toContain('-5');
});

test('most answers win, in their own words, with the share that agrees', () => {
  const { winner, agreement, counts, tied } = tally(['Lyon', 'Paris.', 'paris', 'PARIS', 'Nice']);
  expect(winner).toEqual({ value: 'paris', text: 'Paris.', answers: [2, 3, 4] });
  expect(agreement).toBe(0.6);
  expect(counts.map(({ value }) => value)).toEqual(['paris', 'lyon', 'nice']);
  expect(tied).toEqual([]);
});

test('a tie has no winner, and names who shares first place', () => {
  const { winner, tied, agreement } = tally(['b', 'a', 'A', 'B', 'c']);
  expect(winner).toBeNull();
  expect(tied.map(({ value }) => value)).toEqual(['b', 'a']);
  expect(agreement).toBe(0.4);
});

test('answers vote by a field of their object or of their JSON, and those without it are spoiled', () => {
  const { winner, spoiled, agreement } = tally(
    [
      { text: 'whatever', object: { total: { sum: 1000 } } },
      'Here it is:\n```json\n{"total": {"sum": "1,000.0"}}\n```',
      '{"total": {"sum": 7}}',
      'no idea',
    ],
    { field: 'total.sum' },
  );
  expect(winner).toMatchObject({ value: '1000', answers: [1, 2] });
  expect(spoiled).toEqual([4]);
  expect(agreement).toBe(0.5);
});

test('a way of one’s own to make answers comparable is used instead', () => {
  const lastWord = (text: string) => text.trim().split(/\s+/).at(-1)!;
  expect(tally(['so it is 4', 'I say 4', 'perhaps 5'], { normalise: lastWord }).winner?.answers).toEqual([1, 2]);
});

test('no answers have no winner and no agreement', () => {
  expect(tally([])).toEqual({ winner: null, tied: [], counts: [], agreement: 0, spoiled: [] });
});
