import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { CallError, ModelReply } from '../../src/contract/index.ts';
import { judgedRuns, modelStatistics } from '../../src/store/index.ts';
import { type FreshStore, freshStore, query } from './fresh-store.ts';
import { newKey, newRun, reply } from './samples.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

const DOWN: CallError = { type: 'Unavailable', message: 'down' };

/** A call of a run of its own, which fails so often before it is answered, or given up. */
async function call(model: string, failures: CallError[], answer?: Partial<ModelReply>): Promise<string> {
  const run = newRun();
  const key = newKey();
  const begin = () => fresh.store.journal.begin({ key, run, step: 's', model, worstCaseUsd: null });
  for (const [index, error] of failures.entries()) {
    const begun = await begin();
    const final = answer === undefined && index === failures.length - 1;
    if (begun.state !== 'open') throw new Error(begun.state);
    const attempt = { key, run, step: 's', model, epoch: begun.epoch };
    await fresh.store.journal.end(attempt, { error, next: final ? 'final' : { delayMs: 0 } });
  }
  if (answer) {
    const begun = await begin();
    if (begun.state !== 'open') throw new Error(begun.state);
    const given = reply({ model, ...answer });
    const attempt = { key, run, step: 's', model, epoch: begun.epoch };
    await fresh.store.journal.end(attempt, { reply: given, completesStep: true });
  }
  return key;
}

test('latency is the median, cost and length the mean, of the calls that asked the model', async () => {
  const usage = (outputTokens: number) => ({ inputTokens: 1, outputTokens });
  await call('x/a', [], { firstTokenMs: 100, totalMs: 1_000, costUsd: 0.02, usage: usage(10) });
  await call('x/a', [], { firstTokenMs: 300, totalMs: 3_000, costUsd: 0.04, usage: usage(30) });
  await call('x/a', [], { firstTokenMs: 9_000, totalMs: 9_000, costUsd: 0.06, usage: usage(50) });
  const run = newRun();
  const cached = reply({ model: 'x/a', firstTokenMs: 1, totalMs: 1, costUsd: 5 });
  await fresh.store.journal.finishCached({ key: newKey(), run, step: 's', model: 'x/a', reply: cached });

  expect(await modelStatistics(fresh.store.db, ['x/a', 'x/never-asked'], 24)).toEqual([
    {
      model: 'x/a',
      attempts: 3,
      errorRate: 0,
      firstTokenMs: 300,
      totalMs: 3_000,
      meanUsd: expect.closeTo(0.04, 10),
      meanOutputTokens: 30,
    },
  ]);
});

test('every failed attempt counts, but not what was wrong with the request or stopped by a person', async () => {
  await call('x/b', [DOWN, DOWN], {});
  await call('x/b', [DOWN]);
  await call('x/b', [{ type: 'Cancelled', message: 'stopped' }]);
  await call('x/b', [{ type: 'InvalidRequest', message: 'wrong' }]);
  const [found] = await modelStatistics(fresh.store.db, ['x/b'], 24);
  expect(found).toMatchObject({ attempts: 4, errorRate: 0.75 });
});

test('what is longer ago does not count', async () => {
  const old = await call('x/c', [DOWN]);
  await query(fresh.url, `update calls set started_at = now() - interval '2 hours' where key = '${old}'`);
  await call('x/c', [], { firstTokenMs: 50 });
  expect(await modelStatistics(fresh.store.db, ['x/c'], 1)).toMatchObject([{ attempts: 1, errorRate: 0 }]);
  expect(await modelStatistics(fresh.store.db, ['x/c'], 3)).toMatchObject([{ attempts: 2, errorRate: 0.5 }]);
});

test('a judged comparison tells of each model how good it was and what it cost', async () => {
  const run = newRun({ pattern: 'compare', tenant: 'acme', metadata: { tier: 'gold' } });
  for (const [model, costUsd] of [
    ['x/cheap', 0.001],
    ['x/dear', 0.02],
  ] as const) {
    const key = newKey();
    const begun = await fresh.store.journal.begin({ key, run, step: model, model, worstCaseUsd: null });
    const { epoch } = begun as { epoch: number };
    await fresh.store.journal.end(
      { key, run, step: model, model, epoch },
      { reply: reply({ model, costUsd, firstTokenMs: 5 }), completesStep: true },
    );
  }
  const scores = [
    { answer: 1, model: 'x/cheap', score: 0.4, reason: '' },
    { answer: 2, model: 'x/dear', score: 0.9, reason: '' },
  ];
  const verdict = { best: 'x/dear', bestAnswer: 2, reason: '', scores, mode: 'scores' };
  expect(await judgedRuns(fresh.store.db, 1, 10)).toEqual([]);
  await fresh.store.events.record(run, [
    { type: 'verdict', key: 'verdict:judge', step: 'judge', verdict },
    { type: 'run.completed', key: 'end', costUsd: 0.021 },
  ]);
  const { id, chain } = run;
  const models = {
    'x/cheap': { score: 0.4, costUsd: 0.001, firstTokenMs: 5 },
    'x/dear': { score: 0.9, costUsd: 0.02, firstTokenMs: 5 },
  };
  expect(await judgedRuns(fresh.store.db, 1, 10)).toEqual([
    { id, chain, tenant: 'acme', metadata: { tier: 'gold' }, models },
  ]);
});
