import { expect, test } from '@jest/globals';
import type { EvaluatedVariant, EvaluationGate } from '../../src/contract/index.ts';
import { compareVariants } from '../../src/evaluation/compare-variants.ts';
import { estimateMean, estimateScore, estimateShare, mcNemar } from '../../src/evaluation/estimates.ts';
import { passGate } from '../../src/evaluation/gate.ts';
import {
  scoreContains,
  scoreExact,
  scoreJson,
  scoreNumber,
  scoreRegex,
  scoreSchema,
} from '../../src/evaluation/text-scores.ts';
import { rowKeys } from '../../src/evaluation/variants.ts';

const ones = (right: number, of: number) => Array.from({ length: of }, (_, index) => Number(index < right));

/** By Wilson without a correction: the third and fourth are examples of Newcombe 1998, "Two-sided confidence intervals". */
const shares: [right: number, of: number, confidence: number, low: number, high: number][] = [
  [8, 10, 0.95, 0.4902, 0.9433],
  [10, 10, 0.95, 0.7225, 1],
  [0, 10, 0.95, 0, 0.2775],
  [81, 263, 0.95, 0.2553, 0.3662],
  [15, 148, 0.95, 0.0624, 0.1605],
  [8, 10, 0.9, 0.541, 0.931],
];
test.each(shares)('%d of %d right, at confidence %d: from %d to %d', (right, of, confidence, low, high) => {
  const estimate = estimateShare(ones(right, of), confidence);
  expect(estimate).toMatchObject({ mean: right / of, rows: of });
  expect(estimate.low).toBeCloseTo(low, 3);
  expect(estimate.high).toBeCloseTo(high, 3);
});

/** Twice the lower tail of the binomial distribution. */
const flips: [gained: number, lost: number, p: number][] = [
  [0, 0, 1],
  [0, 4, 0.125],
  [1, 9, 0.021484],
  [5, 5, 1],
  [10, 25, 0.016674],
  [600, 700, 0.006016],
];
test.each(flips)('%d rows gained and %d lost: p = %d', (gained, lost, p) => {
  expect(mcNemar(gained, lost)).toBeCloseTo(p, 3);
  expect(mcNemar(lost, gained)).toBe(mcNemar(gained, lost));
});

test('the interval of a mean is the same each time, holds it, and is about as wide as theory says', () => {
  const values = Array.from({ length: 100 }, (_, index) => (index % 10) / 10);
  const estimate = estimateMean(values, 0.95);
  expect(estimateMean(values, 0.95)).toEqual(estimate);
  // 1.96 s / sqrt(n), s = 0.2887
  expect(estimate.mean).toBeCloseTo(0.45, 10);
  expect(estimate.high - estimate.mean).toBeCloseTo(0.0566, 2);
  expect(estimate.mean - estimate.low).toBeCloseTo(0.0566, 2);
  const many = Array.from({ length: 20 }, () => values).flat();
  expect(estimateMean(many, 0.95).high).toBeCloseTo(0.45 + (1.96 * 0.2873) / Math.sqrt(2_000), 3);
  expect(estimateMean(values, 0.99).high).toBeGreaterThan(estimate.high);
});

test('scores that are all alike still have an interval', () => {
  expect(estimateScore([1, 1, 1, 1], 0.95).low).toBeCloseTo(0.5101, 3);
  expect(estimateScore([0.5, 0.5, 0.5, 0.5], 0.95)).toMatchObject({ low: expect.closeTo(0.15, 2) });
});

const row = (n: number, score: number) => ({
  ...{ row: n, key: `k${n}`, item: n, score, passed: Math.floor(score), scores: { exact: score } },
  ...{ costUsd: 0.001 * n, latencyMs: 100, answers: [] },
});
const rowsOf = (...scores: number[]) => scores.map((score, index) => row(index + 1, score));
const settings = { confidence: 0.95, repeats: 1 };

test('a comparison pairs rows, whatever their order, and names those that got worse, most first', () => {
  const before = [...rowsOf(1, 1, 1, 0, 0.5).reverse(), row(9, 1)];
  const found = compareVariants('new', 'baseline main', rowsOf(1, 0, 0.4, 1, 0.5), before, settings)!;
  expect(found).toMatchObject({
    ...{ rows: 5, better: 1, worse: 2, pValue: 1, costUsd: { mean: 0, low: 0, high: 0 } },
    score: { mean: expect.closeTo(-0.12, 10) },
    worseRows: [
      { row: 2, before: 1, now: 0 },
      { row: 3, before: 1, now: 0.4 },
    ],
  });
  expect(compareVariants('new', 'baseline main', rowsOf(1), [row(7, 1)], settings)).toBeUndefined();
});

test('what rows have in common falls out: a small fall of every row is seen beside a wide spread', () => {
  const before = rowsOf(...Array.from({ length: 20 }, (_, index) => 0.05 + (index % 2) * 0.9));
  const now = rowsOf(...before.map(({ score }) => score - 0.04));
  const found = compareVariants('new', 'baseline main', now, before, settings)!;
  expect(found.score.high).toBeLessThan(0);
  expect(
    estimateScore(
      now.map(({ score }) => score),
      0.95,
    ).high,
  ).toBeGreaterThan(0.5);
});

function gated(now: number[], before: number[], gate: EvaluationGate) {
  const rows = rowsOf(...now);
  const scores = rows.map(({ score }) => score);
  const variant = {
    ...{ variant: 'new', pattern: 'ask', promptHash: 'h', runs: [], models: [], failed: 0, rows },
    ...{ score: estimateScore(scores, 0.95), passRate: estimateShare(scores.map(Math.floor), 0.95) },
    ...{
      scorers: { exact: estimateScore(scores, 0.95) },
      costUsd: estimateMean([0.002, 0.004], 0.95),
      latencyMs: null,
    },
  } satisfies EvaluatedVariant;
  const comparison = compareVariants('new', 'baseline main', rows, rowsOf(...before), settings);
  const comparisons = comparison ? [comparison] : [];
  return passGate(gate, {
    variants: [variant],
    comparisons,
    references: before.length > 0 ? ['baseline main'] : [],
  });
}

const gates: [name: string, now: number[], before: number[], gate: EvaluationGate, says: RegExp | undefined][] = [
  ['a mean that is reached', ones(8, 10), [], { minScore: 0.8 }, undefined],
  ['a mean that is not', ones(7, 10), [], { minScore: 0.8 }, /the score is 0.70 \(0.40 to 0.89\), below 0.8/],
  ['a mean whose lower end is not', ones(8, 10), [], { minScore: 0.8, by: 'low' }, /and its lower end, below 0.8/],
  ['a share of rows', ones(7, 10), [], { minPassRate: 0.8 }, /share of rows that pass is 0.70/],
  ['a scorer', ones(7, 10), [], { scorers: { exact: 0.8 } }, /"exact" is 0.70/],
  ['a cost', ones(9, 10), [], { maxCostUsd: 0.001 }, /a row costs \$0.00300, more than \$0.001/],
  ['as good as before', ones(8, 10), ones(8, 10), {}, undefined],
  ['a row less than before, which may be chance', ones(9, 10), ones(10, 10), {}, undefined],
  ['half of them worse than before', ones(5, 10), ones(10, 10), {}, /new: worse than baseline main, by -0.50/],
  ['better than before', ones(10, 10), ones(5, 10), {}, undefined],
  [
    'too few rows to show a margin',
    ones(9, 10),
    ones(10, 10),
    { margin: 0.1 },
    /may be worse than baseline main by more/,
  ],
  ['a margin that is shown', ones(10, 10), ones(10, 10), { margin: 0.1 }, undefined],
];
test.each(gates)('the gate looks at %s', (_, now, before, gate, says) => {
  const { passed, reasons } = gated(now, before, gate);
  expect({ passed, reasons }).toEqual({
    passed: says === undefined,
    reasons: says === undefined ? [] : [expect.stringMatching(says)],
  });
});

const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
const texts: [name: string, score: { score: number }, expected: number][] = [
  ['but for form', scoreExact('**Paris.**', 'paris'), 1],
  ['not strictly', scoreExact('Paris.', 'Paris', true), 0],
  ['another word', scoreExact('Rome', 'Paris'), 0],
  ['all of a list', scoreContains('red and green', ['red', 'green']), 1],
  ['not all of a list', scoreContains('red', ['red', 'green']), 0],
  ['any of a list', scoreContains('red', ['red', 'green'], true), 1],
  ['the last number', scoreNumber('From 3 to $1,042.50', 1042.5), 1],
  ['within a tolerance', scoreNumber('0.3', 0.2, 0.1), 1],
  ['beyond it', scoreNumber('0.31', 0.2, 0.1), 0],
  ['within a share', scoreNumber('104', 100, 0, 0.05), 1],
  ['no number', scoreNumber('none', 1), 0],
  ['a pattern', scoreRegex('AB-12', /^[A-Z]{2}-\d+$/), 1],
  ['a pattern that must not be', scoreRegex('I am an AI', /as an ai|i am an ai/i, true), 0],
  ['a schema, in a fence', scoreSchema('```json\n{"n": 1}\n```', schema), 1],
  ['not the schema', scoreSchema('{"n": "1"}', schema), 0],
  ['equal JSON', scoreJson('{"b": [1], "a": 2}', { a: 2, b: [1] }), 1],
  ['more than expected', scoreJson('{"a": 2, "b": 1}', { a: 2 }), 0],
  ['more than expected, as a subset', scoreJson('{"a": {"c": 1, "d": 2}, "b": 1}', { a: { c: 1 } }, true), 1],
];
test.each(texts)('scored: %s', (_, { score }, expected) => {
  expect(score).toBe(expected);
});

test('rows are known by what they say, whatever the order of their fields; equal ones by their order', () => {
  const [first, same, other] = rowKeys([{ a: 1, b: 2 }, { b: 2, a: 1 }, { a: 2 }]);
  expect(same).toBe(`${first}-2`);
  expect(other).not.toBe(first);
});
