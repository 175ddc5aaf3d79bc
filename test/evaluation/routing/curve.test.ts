import { expect, test } from '@jest/globals';
import {
  apgr,
  costOfQuality,
  cpt,
  type Ends,
  type Point,
  pgr,
  savingOf,
} from '../../../src/evaluation/routing/curve.ts';

const weak: Point = { quality: 0.5, costUsd: 1, strongShare: 0 };
const strong: Point = { quality: 0.9, costUsd: 5, strongShare: 1 };
const ends: Ends = { weak, strong };
/** A router that asks the strong model about 40 % of the prompts. */
const router: Point = { quality: 0.8, costUsd: 2, strongShare: 0.4 };

test('the gap recovered is 0 at the weak model, 1 at the strong one', () => {
  expect([0.5, 0.7, 0.8, 0.9, 1].map((quality) => pgr(quality, ends))).toEqual(
    [0, 0.5, 0.75, 1, 1.25].map((value) => expect.closeTo(value, 10)),
  );
});

test('the area under the curve is that of its trapezoids', () => {
  // 0.4 x (0 + 0.75) / 2 + 0.6 x (0.75 + 1) / 2
  expect(apgr([router], ends)).toBeCloseTo(0.675, 10);
});

test('a router that chooses at random has half of the area', () => {
  const random = [0.1, 0.35, 0.8].map((share) => ({
    quality: 0.5 + share * 0.4,
    costUsd: 1 + share * 4,
    strongShare: share,
  }));
  expect(apgr(random, ends)).toBeCloseTo(0.5, 10);
  expect(cpt(random, ends, 0.5)).toBeCloseTo(0.5, 10);
});

test('a router that always knows which prompts need the strong model has nearly all of it', () => {
  expect(apgr([{ quality: 0.9, costUsd: 1.4, strongShare: 0.1 }], ends)).toBeCloseTo(0.95, 10);
});

test('the threshold is where the curve first recovers so much', () => {
  expect(cpt([router], ends, 0.5)).toBeCloseTo((0.5 / 0.75) * 0.4, 10);
  expect(cpt([router], ends, 0.75)).toBeCloseTo(0.4, 10);
  expect(cpt([router], ends, 0.8)).toBeCloseTo(0.4 + (0.05 / 0.25) * 0.6, 10);
  expect(cpt([router], ends, 1)).toBe(1);
  expect(cpt([{ ...router, strongShare: 0 }], ends, 0.5)).toBe(0);
});

test('of two points with the same share the better one counts', () => {
  expect(apgr([{ ...router, quality: 0.6 }, router], ends)).toBeCloseTo(0.675, 10);
});

test('without a gap there is nothing to recover', () => {
  const level = { weak, strong: { ...strong, quality: 0.5 } };
  expect([pgr(0.5, level), apgr([router], level), cpt([router], level, 0.5)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test('a quality costs what the cheapest mix of two points costs that has it', () => {
  expect(costOfQuality([weak, strong], 0.8)).toBeCloseTo(4, 10);
  expect(costOfQuality([weak, router, strong], 0.8)).toBe(2);
  expect(costOfQuality([weak, router, strong], 0.65)).toBeCloseTo(1.5, 10);
  expect(costOfQuality([weak, strong], 0.91)).toBeUndefined();
});

test('the saving is told against the strong model, and at equal quality', () => {
  const saving = savingOf(router, [], ends);
  expect(saving.againstStrong).toBeCloseTo(0.6, 10);
  // a random choice of the same quality costs 4 USD
  expect(saving.againstRandom).toBeCloseTo(0.5, 10);
  expect(saving.atStrongQuality).toBeCloseTo(0, 10);
  // one threshold is better than the strong model for 3 USD: two thirds of it with a third of the router's own point
  const better = { quality: 0.95, costUsd: 3, strongShare: 0.6 };
  expect(savingOf(router, [better], ends).atStrongQuality).toBeCloseTo(1 - (2 + 2 / 3) / 5, 10);
  expect(savingOf(better, [], ends)).not.toHaveProperty('againstRandom');
});
