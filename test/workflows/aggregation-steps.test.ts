import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { MapReduced, Refined, Tally } from '../../src/workflows/index.ts';
import { fullHouse } from '../setup/full-house.ts';
import { historyBytes } from '../setup/history.ts';
import { failWith, mockProvider, promptOf } from '../setup/mock-provider.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';

const GPT = 'openai/gpt-6-sol';
const CLAUDE = 'anthropic/claude-sonnet-5-5';

let bed: StepBed;
beforeAll(async () => {
  bed = await stepBed(await mockProvider((request) => ({ content: summed(promptOf(request)) })));
});
afterAll(() => bed.close());

/** Answers with the sum of all numbers after `n=`: the same however a text is cut and put together again. */
function summed(prompt: string): string {
  const sum = [...prompt.matchAll(/n=(\d+)/g)].reduce((total, [, number]) => total + Number(number), 0);
  return `n=${sum}`;
}

function id(name: string): string {
  return `${name}-${randomUUID()}`;
}

const paragraphs = (count: number) =>
  Array.from({ length: count }, (_, index) => `Paragraph ${index}. ${'More of it. '.repeat(8)}n=1.\n\n`).join('');

async function stepsOf(run: string): Promise<string[]> {
  return (await bed.eventsOf(run)).flatMap((event) => (event.type === 'step.started' ? [event.step!] : []));
}

test('map-reduce goes through a long text part by part, and reduces in a tree what is too long together', async () => {
  const run = id('map-reduce');
  const request = {
    text: paragraphs(40),
    map: 'Add up.',
    reduce: 'Add those up.',
    policy: GPT,
    partTokens: 60,
    concurrency: 4,
  };
  const result = await bed.step<MapReduced>('mapReduce', request, run);
  expect(result).toMatchObject({ text: 'n=40', model: GPT });
  expect(result.mapped.length).toBe(20);
  const steps = await stepsOf(run);
  expect(steps.filter((step) => step.startsWith('map-reduce/map/'))).toHaveLength(20);
  expect(steps.at(-1)).toBe('map-reduce/reduce');
  expect(result.levels).toBe(1);
});

test('reductions whose texts are too long together are made in groups first', async () => {
  const run = id('map-reduce-tree');
  const parts = Array.from({ length: 12 }, (_, index) => `n=${index}`);
  const request = { parts, map: 'Add up.', reduce: 'Add those up.', policy: GPT, partTokens: 2 };
  const result = await bed.step<MapReduced>('mapReduce', request, run);
  expect(result).toMatchObject({ text: 'n=66', levels: 4 });
  const reduced = (await stepsOf(run)).filter((step) => step.includes('/reduce')).sort();
  expect(reduced).toEqual([
    'map-reduce/reduce',
    ...[1, 2, 3, 4, 5, 6].map((group) => `map-reduce/reduce/1.${group}`),
    ...[1, 2, 3].map((group) => `map-reduce/reduce/2.${group}`),
    'map-reduce/reduce/3.1',
  ]);
});

test('no more parts are asked at once than the step may', async () => {
  const house = fullHouse(3);
  bed.provider.first(
    (request) => promptOf(request).includes('Slowly.'),
    async () => {
      await house.visit();
      return { content: 'n=1' };
    },
  );
  const parts = Array.from({ length: 9 }, (_, index) => `part ${index}`);
  await bed.step('mapReduce', { parts, map: 'Slowly.', reduce: 'Add.', policy: GPT, concurrency: 3 }, id('pool'));
  expect(house.most()).toBe(3);
});

test('a part that fails, fails the step', async () => {
  bed.provider.first((request) => promptOf(request).includes('bad part'), failWith(400, 'unreadable'));
  const request = { parts: ['good', 'bad part'], map: 'Read.', reduce: 'Add.', policy: GPT };
  await expect(bed.step('mapReduce', request, id('hole'))).rejects.toMatchObject({ cause: { type: 'InvalidRequest' } });
});

test('a part that fails stops the parts that are asked beside it', async () => {
  const run = id('stop');
  const slow = Promise.withResolvers<void>();
  bed.provider.first((request) => promptOf(request).includes('broken part'), failWith(400, 'unreadable'));
  bed.provider.first(
    (request) => promptOf(request).includes('endless part'),
    async () => {
      await slow.promise;
      return { content: 'too late' };
    },
  );
  const request = {
    parts: ['endless part', 'broken part'],
    map: 'Read.',
    reduce: 'Add.',
    policy: { candidates: [GPT], cache: false },
  };
  try {
    await expect(bed.step('mapReduce', request, run)).rejects.toMatchObject({
      cause: { type: 'InvalidRequest' },
    });
  } finally {
    slow.resolve();
  }
  const { events } = await bed.temporal.workflow.getHandle(run).fetchHistory();
  expect(events!.filter((event) => event.activityTaskCanceledEventAttributes)).toHaveLength(1);
});

test('a megabyte of text keeps the history small', async () => {
  const run = id('megabyte');
  const text = paragraphs(9_000);
  expect(text.length).toBeGreaterThan(1_000_000);
  const result = await bed.step<MapReduced>('mapReduce', { text, map: 'Add.', reduce: 'Add those.', policy: GPT }, run);
  expect(result.text).toBe('n=9000');
  expect(result.mapped.length).toBeGreaterThan(20);
  // this client knows nothing of blobs, so that the history begins with the text itself
  expect((await historyBytes(bed.temporal, run)) - text.length).toBeLessThan(192 * 1024);
});

/** Accepts the draft once it was written so often. */
function critic(prompt: string, acceptsAfter: number) {
  let seen = 0;
  bed.provider.first(
    (request) => request.model === 'claude-sonnet-5-5' && JSON.stringify(request.messages).includes(prompt),
    () => {
      seen += 1;
      const accepted = seen >= acceptsAfter;
      return {
        content: JSON.stringify({ problems: accepted ? [] : [`problem ${seen}`], score: seen / 10, accepted }),
      };
    },
  );
  bed.provider.first(
    (request) => request.model === 'gpt-6-sol' && JSON.stringify(request.messages).includes(prompt),
    (request) => ({ content: `text after: ${promptOf(request).split('\n').at(-1)}` }),
  );
}

test('refine writes again until the critic accepts', async () => {
  critic('Write on rivers', 3);
  const run = id('refine');
  const request = { prompt: 'Write on rivers', writer: GPT, critic: CLAUDE, rounds: 5 };
  const { text, rounds, accepted, critiques } = await bed.step<Refined>('refine', request, run);
  expect({ text, rounds, accepted }).toEqual({ text: 'text after: - problem 2', rounds: 3, accepted: true });
  expect(critiques.map(({ problems }) => problems)).toEqual([['problem 1'], ['problem 2'], []]);
  expect(await stepsOf(run)).toEqual([
    'refine/draft',
    'refine/critique',
    'refine/revise',
    'refine/critique#2',
    'refine/revise#2',
    'refine/critique#3',
  ]);
  const verdicts = (await bed.eventsOf(run)).flatMap((event) => (event.type === 'verdict' ? [event.verdict] : []));
  expect(verdicts).toMatchObject([{ accepted: false }, { accepted: false }, { accepted: true, round: 3 }]);
});

test('refine ends after its rounds, with a text the critic has seen', async () => {
  critic('Write on mountains', 99);
  const request = { prompt: 'Write on mountains', writer: GPT, critic: CLAUDE, rounds: 2 };
  const { text, rounds, accepted, critiques } = await bed.step<Refined>('refine', request, id('refine-ends'));
  expect({ text, rounds, accepted }).toEqual({ text: 'text after: - problem 1', rounds: 2, accepted: false });
  expect(critiques).toHaveLength(2);
  expect(bed.provider.asked('Write on mountains', 'gpt-6-sol')).toBe(2);
});

test('a vote asks no model, and is told to readers', async () => {
  const run = id('vote');
  const asked = bed.provider.requests().length;
  const answers = ['42.', '42', { text: '{"answer": 41}' }];
  const tally = await bed.step<Tally>('vote', { answers }, run);
  expect(tally).toMatchObject({ winner: { text: '42.', answers: [1, 2] }, agreement: 2 / 3 });
  expect(bed.provider.requests()).toHaveLength(asked);
  const events = await bed.eventsOf(run);
  expect(events.map(({ type }) => type)).toEqual([
    'run.started',
    'step.started',
    'verdict',
    'step.completed',
    'run.completed',
  ]);
});

test.each(['vote', 'judge'])('%s without answers says so', async (step) => {
  const request = { question: 'x', policy: GPT, answers: [] };
  await expect(bed.step(step, request, id(step))).rejects.toMatchObject({
    cause: { type: 'InvalidRequest', message: expect.stringContaining('no answers') },
  });
});
