import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ModelReply, NewEvent, RunRef } from '../../src/contract/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { databaseProxy } from '../setup/database-proxy.ts';
import { type FreshStore, freshStore, query } from './fresh-store.ts';
import { newKey, newRun, reply } from './samples.ts';

let fresh: FreshStore;
let other: Store;
beforeAll(async () => {
  fresh = await freshStore();
  other = await openStore({ url: fresh.url });
});
afterAll(async () => {
  await other.close();
  await fresh.drop();
});

const MODEL = 'openai/gpt-6-sol';
const call = (run: RunRef, key: string, step: string) => ({ key, run, step, model: MODEL });
const begin = (run: RunRef, key: string, step: string, over: object = {}) =>
  fresh.store.journal.begin({ ...call(run, key, step), worstCaseUsd: 0.05, ...over });
const endAhead = (run: RunRef, key: string, step: string, given: Partial<ModelReply> = {}, over: object = {}) =>
  fresh.store.journal.endAhead(
    { ...call(run, key, step), epoch: 1 },
    { reply: reply(given), completesStep: true, ...over },
  );
const endOfRun = (run: RunRef): Promise<number | undefined> =>
  fresh.store.events.record(run, [{ type: 'run.completed', key: 'end', costUsd: 0.02 } as NewEvent & { key: string }]);

async function story({ chain }: RunRef): Promise<string[]> {
  const events = await fresh.store.events.read(chain, 0, 1_000);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  return events.map(({ type, step }) => (step === undefined ? type : `${type} ${step}`));
}

test('the end of a call, the beginning of the next one and the end of the run come in two transactions', async () => {
  const run = newRun();
  const [one, two] = [newKey(), newKey()];
  await begin(run, one, 'one');
  const first = endAhead(run, one, 'one');
  expect(first.reply).toEqual(reply());
  expect(await begin(run, two, 'two')).toEqual({
    state: 'open',
    ...{ epoch: 1, call: two.slice(0, 16), failures: 0, midStreamFailures: 0, lost: [] },
  });
  endAhead(run, two, 'two');
  await endOfRun(run);
  expect(await fresh.store.journal.ahead.caughtUp(run.chain)).toBe(true);
  expect(await story(run)).toEqual([
    ...['run.started', 'step.started one', 'call.started one', 'call.completed one', 'step.completed one'],
    ...['step.started two', 'call.started two', 'call.completed two', 'step.completed two', 'run.completed'],
  ]);
  const lines = await query<{ step: string; by: string }>(
    fresh.url,
    `select step, xmin::text as by from ledger where chain = '${run.chain}'`,
  );
  const told = await query<{ type: string; step: string | null; by: string }>(
    fresh.url,
    `select type, step, xmin::text as by from events where chain = '${run.chain}' order by seq`,
  );
  const [endOfOne, endOfTwo] = ['one', 'two'].map((step) => lines.find((line) => line.step === step)?.by);
  expect(told.find(({ type, step }) => type === 'call.started' && step === 'two')?.by).toBe(endOfOne);
  expect(told.at(-1)).toMatchObject({ type: 'run.completed', by: endOfTwo });
  expect(await fresh.store.runs.find(run.id)).toMatchObject({ status: 'completed', costUsd: 0.02 });
});

test('an end that another worker brought before: nothing of what came after is written, and what was paid is', async () => {
  const run = newRun();
  const { journal } = fresh.store;
  const [one, beside, two, cached] = [newKey(), newKey(), newKey(), newKey()];
  await begin(run, one, 'one');
  await begin(run, beside, 'beside');
  await other.journal.end(
    { ...call(run, one, 'one'), epoch: 1 },
    { reply: reply({ text: 'theirs' }), completesStep: true },
  );
  const before = await story(run);

  const mine = endAhead(run, one, 'one', { text: 'mine' });
  const beginning = begin(run, two, 'two');
  const fromCache = journal.finishCached({ ...call(run, cached, 'cached'), reply: reply() });
  const ended = endOfRun(run);
  const paid = journal.end({ ...call(run, beside, 'beside'), epoch: 1 }, { reply: reply(), completesStep: true });
  await mine.written;
  await expect(beginning).rejects.toThrow('Another worker has this run');
  await expect(fromCache).rejects.toThrow('Another worker has this run');
  await Promise.all([ended, paid]);
  expect(await journal.ahead.caughtUp(run.chain)).toBe(false);
  expect(journal.ahead.isOvertaken(run.chain)).toBe(true);
  // in a flush of its own as well
  await expect(begin(run, two, 'two')).rejects.toThrow('Another worker has this run');
  await endOfRun(run);

  expect(await story(run)).toEqual([...before, 'call.completed beside', 'step.completed beside']);
  expect(await journal.ended(one)).toMatchObject({ reply: { text: 'theirs' } });
  expect(await journal.ended(two)).toBeUndefined();
  expect(await fresh.store.runs.find(run.id)).toMatchObject({ status: 'running' });
  const { calls } = await fresh.store.ledger.bill(run.chain);
  expect(calls.map(({ step }) => step).toSorted()).toEqual(['beside', 'one']);

  journal.ahead.forget(run.chain);
  expect(await begin(run, two, 'two')).toMatchObject({ state: 'open', epoch: 1 });
});

test('where money is to be held, or an answer is there, the next call begins as always', async () => {
  const run = newRun({ budgetUsd: 1 });
  const [one, two, three] = [newKey(), newKey(), newKey()];
  await begin(run, one, 'one');
  endAhead(run, one, 'one', { costUsd: 0.98 });
  expect(await begin(run, two, 'two')).toMatchObject({ state: 'overBudget', leftUsd: 0.02 });

  const free = newRun();
  await begin(free, three, 'three');
  endAhead(free, three, 'three', { text: 'one' });
  // as after a crash
  expect(await begin(free, three, 'three')).toEqual({ state: 'finished', reply: reply({ text: 'one' }) });
});

test('a shared request: it is made for all by the call that begins along, and its end lets the others go', async () => {
  const [run, after, equal] = [newRun(), newRun(), newRun()];
  const [one, two, three, four] = [newKey(), newKey(), newKey(), newKey()];
  const shared = { tenant: '', requestHash: newKey(), models: [MODEL], leaseMs: 15_000 };
  await begin(run, one, 'one');
  endAhead(run, one, 'one');
  expect(await begin(run, two, 'two', { shared })).toMatchObject({ state: 'open', claimed: true });

  await begin(after, three, 'three');
  endAhead(after, three, 'three');
  const another = await begin(after, four, 'four', { shared });
  expect(another).toMatchObject({ state: 'open' });
  expect(another).not.toHaveProperty('claimed');

  const waiting = fresh.store.cache.wait({
    ...{ tenant: '', requestHash: shared.requestHash, model: MODEL, models: [MODEL] },
    ...{ since: new Date(Date.now() - 1_000), signal: AbortSignal.timeout(10_000) },
  });
  const cache = { tenant: '', requestHash: shared.requestHash, ttlSeconds: 60 };
  await endAhead(run, two, 'two', { text: 'for all' }, { cache }).written;
  expect(await waiting).toMatchObject({ reply: { text: 'for all' } });
  const found = newKey();
  await begin(equal, newKey(), 'first');
  expect(await begin(equal, found, 'again', { shared })).toMatchObject({
    state: 'cached',
    reply: { text: 'for all' },
  });
  expect(await query(fresh.url, `select * from flights where request_hash = '${shared.requestHash}'`)).toEqual([]);
});

test('a flush whose answer was lost is written once, and its call is begun once', async () => {
  const proxy = await databaseProxy(fresh.url);
  const store = await openStore({ url: proxy.url });
  try {
    const run = newRun();
    const [one, two] = [newKey(), newKey()];
    await store.journal.begin({ ...call(run, one, 'one'), worstCaseUsd: null });
    await store.events.append(run, [{ type: 'verdict', verdict: 1 }]);
    proxy.loseAnswerTo('write_batch');
    store.journal.endAhead({ ...call(run, one, 'one'), epoch: 1 }, { reply: reply(), completesStep: true });
    const beginning = store.journal.begin({ ...call(run, two, 'two'), worstCaseUsd: null });
    expect(await beginning).toMatchObject({ state: 'open', epoch: 1, lost: [] });
    expect(proxy.lost()).toBe(1);
    expect(await store.journal.ahead.caughtUp(run.chain)).toBe(true);
    const told = await story(run);
    expect(told.filter((type) => type === 'call.started two')).toHaveLength(1);
    expect(told.filter((type) => type === 'call.completed one')).toHaveLength(1);
  } finally {
    await store.close();
    await proxy.close();
  }
});
