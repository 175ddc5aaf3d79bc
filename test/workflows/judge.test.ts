import type { ChatCompletionRequest } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { verdictOf } from '../../src/workflows/steps/judge.ts';
import { ladderScores, type Pair, roundScores } from '../../src/workflows/steps/judge-pairs.ts';
import { weighted } from '../../src/workflows/steps/rubric.ts';
import { stableOrder } from '../../src/workflows/steps/stable-order.ts';
import { mockProvider, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const MODELS = ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5', 'gemini/gemini-3.8-flash'];
const JUDGE = 'openai/gpt-6-luna';
const TEXTS: Record<string, string> = {
  'gpt-6-sol': 'Rivers bend. Worth: 4',
  'claude-sonnet-5-5': 'Rivers bend because the outer bank wears away. Worth: 9',
  'gemini-3.8-flash': 'Rivers bend as water is slower on the inside. Worth: 6',
};

let bed: TestBed;
beforeAll(async () => {
  const provider = await mockProvider((request) => ({ content: TEXTS[request.model] ?? 'nothing' }));
  provider.first(isJudged, (request) => ({ content: JSON.stringify(judgement(request)) }));
  bed = await testBed({ provider });
});
afterAll(() => bed.close());

function isJudged(request: ChatCompletionRequest): boolean {
  return request.model === JUDGE.split('/')[1];
}

/** What each letter of a judge's prompt is worth, in the order of the letters. */
function worths(request: ChatCompletionRequest): number[] {
  return [...promptOf(request).matchAll(/Worth: (\d+)/g)].map(([, worth]) => Number(worth));
}

/** A judge with a position bias: when scoring it likes the first answer more; of a pair near in worth it takes the first. */
function judgement(request: ChatCompletionRequest): object {
  const found = worths(request);
  if (JSON.stringify(request.messages).includes('two answers')) {
    const [a, b] = found as [number, number];
    return { reason: `${a} or ${b}`, better: Math.abs(a - b) < 3 ? 'A' : a > b ? 'A' : 'B' };
  }
  const marks = found.map((worth, index) => [
    String.fromCharCode(65 + index),
    { reason: `worth ${worth}`, score: Math.min(1, (worth + (index === 0 ? 4 : 0)) / 10) },
  ]);
  return { answers: Object.fromEntries(marks), reason: 'as I see it' };
}

async function judged(models: string[], judgeMode: 'scores' | 'pairwise') {
  const run = await bed.client.start('compare', {
    prompt: 'Why do rivers bend?',
    models,
    judge: { candidates: [JUDGE], cache: false },
    judgeMode,
  });
  const { verdict } = await run.result();
  return { verdict: verdict!, id: run.id };
}

test.each(['scores', 'pairwise'] as const)('%s: swapped answers get the same verdict', async (mode) => {
  const [straight, swapped] = await Promise.all([judged(MODELS, mode), judged([...MODELS].reverse(), mode)]);
  const byModel = ({ verdict }: typeof straight) =>
    Object.fromEntries(verdict.scores.map(({ model, score }) => [model, score]));
  expect(byModel(straight)).toEqual(byModel(swapped));
  expect(straight.verdict.best).toBe(swapped.verdict.best);
  expect(MODELS[straight.verdict.bestAnswer - 1]).toBe(straight.verdict.best);
  expect([...MODELS].reverse()[swapped.verdict.bestAnswer - 1]).toBe(straight.verdict.best);
});

test('pairwise: each pair is asked both ways, and a judge that takes the first either way makes a tie', async () => {
  const { verdict, id } = await judged(MODELS, 'pairwise');
  const steps = (await bed.eventsOf(id)).flatMap((event) => (event.type === 'call.started' ? [event.step] : []));
  expect(steps.filter((step) => step?.startsWith('judge/')).sort()).toEqual(
    ['1-2', '1-3', '2-1', '2-3', '3-1', '3-2'].map((pair) => `judge/${pair}`),
  );
  // 9 beats 4 and 6, both ways; 4 and 6 are too near for this judge
  expect(verdict).toMatchObject({ best: MODELS[1], bestAnswer: 2, mode: 'pairwise' });
  expect(verdict.scores.map(({ score }) => score)).toEqual([0.25, 1, 0.25]);
  const near = verdict.comparisons!.find(({ answers }) => !answers.includes(2))!;
  expect(near).toMatchObject({ winner: null, consistent: false });
  expect(verdict.reason).toContain('1 of them changed with the order');
});

test('from five answers on, each challenges the best so far', async () => {
  let worth = 0;
  bed.provider.first(
    (request) => promptOf(request) === 'Ladder?',
    () => ({ content: `Worth: ${[10, 70, 30, 90, 50, 20][worth++ % 6]} of 100` }),
  );
  const run = await bed.client.start('best-of', {
    prompt: 'Ladder?',
    policy: { candidates: [MODELS[0]!] },
    n: 6,
    judge: JUDGE,
    judgeMode: 'pairwise',
  });
  const { verdict, best } = await run.result();
  expect(verdict.comparisons).toHaveLength(5);
  expect(best.text).toContain('Worth: 90');
  expect(verdict.scores.filter(({ score }) => score === 1).map(({ answer }) => answer)).toContain(verdict.bestAnswer);
});

test('criteria are scored one by one, and weighed', async () => {
  bed.provider.first(
    (request) => isJudged(request) && JSON.stringify(request.messages).includes('no jargon'),
    (request) => ({
      content: JSON.stringify({
        answers: Object.fromEntries(
          worths(request).map((worth, index) => [
            String.fromCharCode(65 + index),
            { reason: 'so', criteria: { right: worth / 10, plain: 1 - worth / 10 } },
          ]),
        ),
        reason: 'weighed',
      }),
    }),
  );
  const run = await bed.client.start('compare', {
    prompt: 'Why do rivers bend?',
    models: MODELS,
    judge: JUDGE,
    rubric: [{ name: 'right' }, { name: 'plain', description: 'no jargon', weight: 3 }],
  });
  const { verdict } = await run.result();
  expect(verdict).toMatchObject({ best: MODELS[0], bestAnswer: 1, reason: 'weighed' });
  expect(verdict!.scores[0]).toMatchObject({ criteria: { right: 0.4, plain: 0.6 }, score: expect.closeTo(0.55) });
});

test('an order depends on the texts alone, and differs between askers', () => {
  const texts = ['one', 'two', 'three', 'four', 'five', 'six'];
  expect(stableOrder([...texts].reverse())).toEqual(stableOrder(texts));
  expect(stableOrder(['b', 'a', 'b'])).toHaveLength(2);
  const orders = new Set(MODELS.map((member) => stableOrder(texts, member).join()));
  expect(orders.size).toBe(MODELS.length);
});

test('no place is favoured: each text comes first about as often', () => {
  const firsts = Array.from({ length: 3_000 }, (_, run) => stableOrder([`a${run}`, `b${run}`, `c${run}`])[0]![0]!);
  for (const letter of ['a', 'b', 'c']) {
    expect(firsts.filter((first) => first === letter).length).toBeGreaterThan(850);
  }
});

test('equally good answers are named as tied, and the same one is best in any order', () => {
  const answers = [
    { answer: 1, model: 'x/one', text: 'first' },
    { answer: 2, model: 'x/two', text: 'second' },
    { answer: 3, model: 'x/six', text: 'third' },
  ];
  const texts = stableOrder(answers.map(({ text }) => text));
  const score: Record<string, number> = { first: 0.1 + 0.2, second: 0.3, third: 0.1 };
  const judgement = { marks: texts.map((text) => ({ score: score[text]!, reason: text })), reason: () => '' };
  const straight = verdictOf('scores', answers, texts, judgement);
  const swapped = verdictOf('scores', [...answers].reverse(), texts, judgement);
  expect(straight.tied).toEqual([1, 2]);
  expect(swapped.best).toBe(straight.best);
});

test('points are shares of comparisons won, a tie being half', () => {
  const pairs: Pair[] = [
    { texts: [0, 1], winner: 0 },
    { texts: [0, 2], winner: null },
    { texts: [1, 2], winner: 2 },
  ];
  expect(roundScores(3, pairs)).toEqual([0.75, 0, 0.75]);
  expect(roundScores(1, [])).toEqual([1]);
});

test('on a ladder the last champion leads, with whom it could not be told apart', () => {
  const pairs: Pair[] = [
    { texts: [0, 1], winner: 0 },
    { texts: [0, 2], winner: null },
    { texts: [0, 3], winner: 3 },
    { texts: [3, 4], winner: null },
  ];
  expect(ladderScores(5, pairs)).toEqual([0, 0, 0, 1, 1]);
});

test('weights count as shares', () => {
  expect(weighted([{ name: 'a', weight: 3 }, { name: 'b' }], { a: 1, b: 0 })).toBe(0.75);
});
