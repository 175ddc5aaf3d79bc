import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { failWith, mockProvider, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const POLICY = { candidates: ['openai/gpt-6-sol'], maxAttempts: 1 };
const JUDGE = 'anthropic/claude-sonnet-5-5';

let bed: TestBed;
let sample = 0;
beforeAll(async () => {
  const provider = await mockProvider(() => ({ content: `sample of worth ${(sample++ % 4) + 1}` }));
  provider.first(
    (request) => request.model === 'claude-sonnet-5-5',
    (request) => ({
      content: JSON.stringify({
        answers: Object.fromEntries(
          [...promptOf(request).matchAll(/Answer (\w):\nsample of worth (\d)/g)].map(([, letter, worth]) => [
            letter,
            { reason: `worth ${worth}`, score: Number(worth) / 4 },
          ]),
        ),
        reason: 'the most worth',
      }),
    }),
  );
  bed = await testBed({ provider });
});
afterAll(() => bed.close());

test('each sample is asked for, none comes from the cache, and the judge’s choice is kept', async () => {
  const prompt = 'Best of four?';
  const first = await bed.client.start('ask', { prompt, policy: POLICY });
  await first.result();
  expect(bed.provider.asked(prompt, 'gpt-6-sol')).toBe(1);
  sample = 0;

  const run = await bed.client.start('best-of', { prompt, policy: POLICY, n: 4, judge: JUDGE });
  const { best, candidates, verdict } = await run.result();
  expect(bed.provider.asked(prompt, 'gpt-6-sol')).toBe(5);
  expect(candidates.map((one) => ('text' in one ? one.text : '')).sort()).toEqual(
    [1, 2, 3, 4].map((worth) => `sample of worth ${worth}`),
  );
  expect(best.text).toBe('sample of worth 4');
  expect(candidates[verdict.bestAnswer - 1]).toEqual(best);

  const events = await bed.eventsOf(run.id);
  expect(events.filter((event) => event.type === 'call.cached')).toEqual([]);
  const started = events.flatMap((event) => (event.type === 'step.started' ? [event.step] : []));
  expect(started.slice(0, 4).sort()).toEqual(['sample/1', 'sample/2', 'sample/3', 'sample/4']);
  expect(started[4]).toBe('judge');
  expect(events.find((event) => event.type === 'verdict')).toMatchObject({ step: 'judge', verdict });
  expect((await bed.client.bill(run.id)).calls).toHaveLength(5);
});

test('a plain Temporal client starts it by its name', async () => {
  const workflowId = `plain-best-of-${bed.taskQueue}`;
  const result = await bed.temporal.workflow.execute('best-of', {
    workflowId,
    taskQueue: bed.taskQueue,
    args: [{ prompt: 'Plainly?', policy: POLICY, n: 2, judge: JUDGE }],
  });
  expect(result.best.text).toContain('sample of worth');
  expect(await bed.client.show(workflowId)).toMatchObject({ pattern: 'best-of', status: 'completed' });
});

test('a sample that fails is left out, keeps its number, and is told', async () => {
  let asked = 0;
  bed.provider.first(
    (request) => request.model === 'gpt-6-sol' && promptOf(request) === 'One is lost?' && asked++ === 0,
    failWith(400, 'not this one'),
  );
  const run = await bed.client.start('best-of', { prompt: 'One is lost?', policy: POLICY, n: 3, judge: JUDGE });
  const { candidates, verdict, best } = await run.result();
  const lost = candidates.findIndex((one) => 'error' in one);
  expect(candidates.filter((one) => 'error' in one)).toHaveLength(1);
  expect(verdict.scores.map(({ answer }) => answer)).toEqual([1, 2, 3].filter((answer) => answer !== lost + 1));
  expect(candidates[verdict.bestAnswer - 1]).toEqual(best);
  expect((await bed.eventsOf(run.id)).find((event) => event.type === 'step.failed')).toMatchObject({
    step: `sample/${lost + 1}`,
    error: { type: 'InvalidRequest' },
  });
});

test('it fails when no sample came', async () => {
  bed.provider.first((request) => promptOf(request) === 'None?', failWith(400, 'no'));
  const run = await bed.client.start('best-of', { prompt: 'None?', policy: POLICY, n: 2, judge: JUDGE });
  await expect(run.result()).rejects.toMatchObject({
    error: { type: 'InvalidRequest', message: expect.stringContaining('None of 2 samples') },
  });
});

test('a judge that is not known, or no samples at all, are refused before anything starts', async () => {
  const given = { prompt: 'x', policy: POLICY, n: 2, judge: 'openai/gpt-0' };
  await expect(bed.client.start('best-of', given)).rejects.toMatchObject({ error: { path: 'input.judge' } });
  const none = { ...given, judge: JUDGE, n: 0 };
  await expect(bed.client.start('best-of', none)).rejects.toMatchObject({ error: { path: 'input.n' } });
});
