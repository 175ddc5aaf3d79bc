import { expect, test } from '@jest/globals';
import {
  type CandidateFacts,
  cascadeOrder,
  cosine,
  decideByGoal,
  decideByLabel,
  decideByNearest,
  type GoalRoute,
  labelsOf,
  policiesOf,
  Route,
} from '../../src/contract/index.ts';

const goal = (over: Partial<GoalRoute> = {}): GoalRoute => ({
  strategy: 'goal',
  goal: 'cheapest',
  candidates: ['a', 'b', 'c'],
  default: 'd',
  ...over,
});
const a: CandidateFacts = { choice: 'a', calls: 20, usd: 0.001, firstTokenMs: 900, errorRate: 0.3, quality: 0.5 };
const b: CandidateFacts = { choice: 'b', calls: 20, usd: 0.01, firstTokenMs: 200, errorRate: 0.01, quality: 0.8 };
const c: CandidateFacts = { choice: 'c', calls: 20, usd: 0.05, firstTokenMs: 400, errorRate: 0, quality: 0.9 };

test.each([
  ['cheapest', 'a'],
  ['fastest', 'b'],
  ['best', 'c'],
] as const)('the %s is chosen, the others being alternatives', (wanted, choice) => {
  const decision = decideByGoal(goal({ goal: wanted }), [a, b, c]);
  expect(decision.choice).toBe(choice);
  expect([choice, ...decision.alternatives!].sort()).toEqual(['a', 'b', 'c']);
});

test.each([
  [{ maxErrorRate: 0.1 }, 'b', 'a', '30 % of its calls failed, above 10 %'],
  [{ maxFirstTokenMs: 500 }, 'b', 'a', 'First token after 900 ms, above 500 ms'],
  [{ maxUsdPerCall: 0.02 }, 'a', 'c', 'About $0.0500 a call, above $0.02'],
])('a constraint of %j rejects who does not meet it, and says why', (constraints, choice, rejected, reason) => {
  const decision = decideByGoal(goal({ constraints }), [a, b, c]);
  expect(decision.choice).toBe(choice);
  expect(decision.rejected).toContainEqual({ choice: rejected, reason });
  expect(decision.alternatives ?? []).not.toContain(rejected);
});

test('where nobody meets the constraints the default is taken', () => {
  const decision = decideByGoal(goal({ constraints: { maxUsdPerCall: 0.0001 } }), [a, b, c]);
  expect(decision).toMatchObject({ choice: 'd', rejected: [{ choice: 'a' }, { choice: 'b' }, { choice: 'c' }] });
});

test('latency and errors of a few calls are not believed', () => {
  const unlucky = { ...a, calls: 2, errorRate: 1 };
  const constraints = { maxErrorRate: 0.1 };
  expect(decideByGoal(goal({ constraints }), [unlucky, b]).choice).toBe('a');
  expect(decideByGoal(goal({ constraints, minCalls: 2 }), [unlucky, b]).choice).toBe('b');
  // who is not known to be fast comes after who is
  expect(decideByGoal(goal({ goal: 'fastest' }), [{ ...a, calls: 0 }, c]).choice).toBe('c');
});

test("a price that is not known fits no limit, and is nobody's cheapest", () => {
  const { usd: _, ...unpriced } = a;
  expect(decideByGoal(goal(), [unpriced, c]).choice).toBe('c');
  expect(decideByGoal(goal({ constraints: { maxUsdPerCall: 1 } }), [unpriced, c]).rejected).toEqual([
    { choice: 'a', reason: 'Its price is not known' },
  ]);
});

const semantic = (over: object = {}) =>
  Route.parse({
    strategy: 'semantic',
    examples: { left: ['l1', 'l2'], right: ['r1'] },
    default: 'middle',
    minSimilarity: 0.5,
    ...over,
  }) as Extract<Route, { strategy: 'semantic' }>;
const vectors = [
  [1, 0],
  [0.8, 0.6],
  [0, 1],
];

test('the nearest examples vote, each as heavily as it is near', () => {
  expect(cosine([1, 0], [0.8, 0.6])).toBeCloseTo(0.8, 10);
  // l1: 1, l2: 0.8, r1: 0
  expect(decideByNearest(semantic(), [2, 0], vectors)).toMatchObject({ choice: 'left', confidence: 1 });
  // r1: 1, l2: 0.6, l1: 0
  const decision = decideByNearest(semantic(), [0, 3], vectors);
  expect(decision).toMatchObject({ choice: 'right', confidence: expect.closeTo(1 / 1.6, 10) });
  expect(decision.rejected).toMatchObject([{ choice: 'left', confidence: expect.closeTo(0.6 / 1.6, 10) }]);
});

test('a request like no example, or like several, is left to the default', () => {
  expect(decideByNearest(semantic(), [-1, 0], vectors)).toMatchObject({ choice: 'middle', confidence: 0 });
  expect(
    decideByNearest(
      semantic({ minSimilarity: 0.9, neighbours: 1 }),
      [1, 1],
      [
        [1, 0],
        [1, -1],
        [0, 1],
      ],
    ),
  ).toMatchObject({
    choice: 'middle',
    reason: expect.stringContaining('similarity of 0.71, below 0.9'),
  });
  expect(decideByNearest(semantic({ minConfidence: 0.7 }), [0, 3], vectors)).toMatchObject({
    choice: 'middle',
    reason: expect.stringContaining('disagree'),
  });
});

test('a classifier is believed from its threshold on', () => {
  const route = Route.parse({ strategy: 'classifier', model: 'x/y', labels: { a: 'A', b: 'B' }, default: 'c' });
  if (route.strategy !== 'classifier') throw new Error('unreachable');
  expect(decideByLabel(route, { label: 'a', confidence: 0.6 })).toMatchObject({
    choice: 'a',
    rejected: [{ choice: 'b' }],
  });
  expect(decideByLabel(route, { label: 'a', confidence: 0.59 })).toMatchObject({
    choice: 'c',
    rejected: [{ choice: 'a' }],
  });
  expect(decideByLabel({ ...route, minConfidence: 0 }, { label: 'b', confidence: 0 })).toMatchObject({ choice: 'b' });
});

test('a cascade ends with its default, and asks nobody twice', () => {
  expect(cascadeOrder({ stages: ['a', 'b', 'a'], default: 'c' })).toEqual(['a', 'b', 'c']);
  expect(cascadeOrder({ stages: ['a', 'b'], default: 'a' })).toEqual(['b', 'a']);
});

test('everything a router may ask is named, with its place', () => {
  const route = Route.parse({
    strategy: 'cascade',
    stages: ['small', 'middle'],
    policies: { middle: { candidates: ['x/m'] } },
    accept: { check: 'judge', policy: 'x/judge', minScore: 0.5 },
    default: 'large',
  });
  expect(labelsOf(route)).toEqual(['small', 'middle', 'large']);
  expect(policiesOf(route)).toEqual([
    [['stages', 0], 'small'],
    [['policies', 'middle'], { candidates: ['x/m'] }],
    [['default'], 'large'],
    [['accept', 'policy'], 'x/judge'],
  ]);
});
