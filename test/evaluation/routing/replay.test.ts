import { expect, test } from '@jest/globals';
import type { CascadeRoute, Route } from '../../../src/contract/index.ts';
import { evaluate } from '../../../src/evaluation/routing/evaluate.ts';
import { EvalRecord, outcomeOf, readRecords, scored } from '../../../src/evaluation/routing/records.ts';
import { atAllThresholds, type Prepared, type Replaying, replay } from '../../../src/evaluation/routing/replay.ts';
import { factsOf } from '../../../src/workflows/steps/route-facts.ts';

const prepared = (given: unknown): Prepared => {
  const record = EvalRecord.parse(given);
  const classified = new Map(record.classified ? [['classifier', { costUsd: 0, ...record.classified }]] : []);
  return { record, facts: factsOf(record), vectors: new Map(), classified };
};
const replaying: Replaying = {
  senses: { language: () => undefined, matches: (pattern, text) => new RegExp(pattern, 'i').test(text) },
  examples: new Map(),
  quality: { 'x/strong': 0.9 },
  namesOf: (_, label) => [label, `x/${label}`],
  outcome: (_, { record }, label) => outcomeOf(record, label, [label]) as { score: number; costUsd: number },
};
const models = { fast: { score: 0.4, costUsd: 1, check: 0.3, checkUsd: 0.5 }, strong: { score: 0.9, costUsd: 10 } };
const hard = prepared({ prompt: 'hard', models });
const easy = prepared({ prompt: 'easy', models: { ...models, fast: { score: 0.8, costUsd: 1 } } });

const cascade: CascadeRoute = {
  strategy: 'cascade',
  stages: ['fast'],
  accept: { check: 'judge', policy: 'x/judge', minScore: 0.7 },
  default: 'strong',
};

test('a cascade that escalates has paid the cheap answer, its check, and the strong one', () => {
  expect(replay('c', cascade, hard, replaying)).toMatchObject({
    choice: 'strong',
    score: 0.9,
    costUsd: 11.5,
    asked: ['fast', 'strong'],
  });
});

test('a cascade that is content has paid the cheap answer alone; a score stands in for a check that was not recorded', () => {
  expect(replay('c', cascade, easy, replaying)).toMatchObject({
    choice: 'fast',
    score: 0.8,
    costUsd: 1,
    asked: ['fast'],
  });
});

test('samples that are to agree are all paid', () => {
  const accept = { check: 'agreement', samples: 5, minAgreement: 0.6 } as const;
  expect(replay('c', { ...cascade, accept }, easy, replaying)).toMatchObject({ choice: 'fast', costUsd: 5 });
});

test('what a classifier cost is part of the cost', () => {
  const route: Route = {
    strategy: 'classifier',
    model: 'x/small',
    labels: { fast: 'easy', strong: 'hard' },
    default: 'strong',
  };
  const one = prepared({ prompt: 'easy', models, classified: { label: 'fast', confidence: 0.9, costUsd: 0.25 } });
  expect(replay('classifier', route, one, replaying)).toMatchObject({ choice: 'fast', score: 0.4, costUsd: 1.25 });
});

test('by goal, prices are the recorded ones, and quality is the configured one', () => {
  const route: Route = {
    strategy: 'goal',
    goal: 'best',
    candidates: ['fast', 'strong'],
    quality: { fast: 0.5 },
    default: 'fast',
  };
  expect(replay('g', route, hard, replaying).choice).toBe('strong');
  expect(replay('g', { ...route, constraints: { maxUsdPerCall: 5 } }, hard, replaying).choice).toBe('fast');
});

test('the threshold of a cascade draws its curve, from always cheap to always strong', () => {
  const choices = atAllThresholds(cascade).map((route) =>
    [hard, easy].map((one) => replay('c', route, one, replaying).choice),
  );
  expect(choices[0]).toEqual(['fast', 'fast']);
  expect(choices).toContainEqual(['strong', 'fast']);
  expect(choices.at(-1)).toEqual(['strong', 'strong']);
});

test('an evaluation finds weak and strong by itself, and measures a router between them', () => {
  const route: Route = { strategy: 'rules', rules: [{ when: { matches: 'hard' }, choose: 'strong' }], default: 'fast' };
  const { weak, strong, alone, routers } = evaluate({ routes: { rules: route }, prepared: [hard, easy], replaying });
  expect({ weak, strong }).toEqual({ weak: 'fast', strong: 'strong' });
  expect(alone).toMatchObject({
    fast: { quality: expect.closeTo(0.6), costUsd: 1, strongShare: 0 },
    strong: { quality: 0.9, costUsd: 10, strongShare: 1 },
  });
  expect(routers[0]).toMatchObject({
    point: { quality: expect.closeTo(0.85), costUsd: 5.5, strongShare: 0.5 },
    choices: { strong: 1, fast: 1 },
    pgr: expect.closeTo(5 / 6),
    // 0.5 x (0 + 5/6) / 2 + 0.5 x (5/6 + 1) / 2
    apgr: expect.closeTo(2 / 3),
    saving: { againstStrong: expect.closeTo(0.45), againstRandom: expect.closeTo(1 - 5.5 / 8.5) },
  });
});

test("a score is the recorded one, else the scorer's, else whether the label is right", () => {
  const record = (given: object) => EvalRecord.parse({ prompt: 'x', ...given });
  expect(outcomeOf(record({ models: { a: { score: 0.3, answer: '4' } }, expected: '4' }), 'a', ['a']).score).toBe(0.3);
  expect(outcomeOf(record({ models: { a: { answer: '4.0' } }, expected: '4' }), 'a', ['a']).score).toBe(1);
  expect(outcomeOf(record({ label: 'a' }), 'b', ['b']).score).toBe(0);
  expect(outcomeOf(record({ models: { 'x/a': { score: 0.7, costUsd: 2 } } }), 'a', ['a', 'x/a'])).toEqual({
    score: 0.7,
    costUsd: 2,
  });
});

test('scorers forgive form, not content', () => {
  expect(scored('The **answer**.', 'the answer')).toBe(1);
  expect(scored('another answer', 'the answer')).toBe(0);
  expect(scored('It is Lisbon, of course.', 'Lisbon', 'contains')).toBe(1);
  expect(scored('3 x 14 = 42.', '42', 'number')).toBe(1);
  expect(scored('There is no number', '42', 'number')).toBe(0);
});

test('a line that cannot be used is named', () => {
  expect(() => readRecords('{"prompt":"a"}\n{"prompt":"b","models":{"x":{"score":2}}}', 'data.jsonl')).toThrow(
    /data\.jsonl, line 2: models\.x\.score: /,
  );
  expect(() => readRecords('{"prompt":"a"}\n{oops', 'data.jsonl')).toThrow(/data\.jsonl, line 2 is not JSON/);
  expect(() => readRecords('\n', 'data.jsonl')).toThrow('holds no records');
});
