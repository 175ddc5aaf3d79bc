import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { CallError, ModelReply, RunRef } from '../../src/contract/index.ts';
import { batchOf } from '../../src/store/event-batch.ts';
import { FUNCTIONS } from '../../src/store/functions.ts';
import { openStore } from '../../src/store/index.ts';
import { type FreshStore, freshStore, query } from './fresh-store.ts';
import { newKey, newRun, reply } from './samples.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

const MODEL = 'openai/gpt-6-sol';
const LIMITED: CallError = { type: 'RateLimited', message: 'slow down', retryAfterMs: 5 };

const begin = (run: RunRef, key: string, over: object = {}) =>
  fresh.store.journal.begin({ key, run, step: 's', model: MODEL, worstCaseUsd: 0.05, ...over });
const attempt = (run: RunRef, key: string, epoch: number) => ({ key, run, step: 's', model: MODEL, epoch });
const finish = (run: RunRef, key: string, epoch: number, given: Partial<ModelReply> = {}) =>
  fresh.store.journal.end(attempt(run, key, epoch), { reply: reply(given), completesStep: true });
/** Type and epoch of each event after run.started. */
async function story(run: RunRef): Promise<string[]> {
  const events = await fresh.store.events.read(run.chain, 1, 1_000);
  return events.map(({ type, epoch }) => (epoch === undefined ? type : `${type} ${epoch}`));
}

test('a call begins, answers and ends, and is asked no second time', async () => {
  const run = newRun({ tenant: 'acme', metadata: { a: 1 } });
  const key = newKey();
  expect(await begin(run, key)).toEqual({
    state: 'open',
    epoch: 1,
    call: key.slice(0, 16),
    failures: 0,
    midStreamFailures: 0,
    lost: [],
  });
  const toolCalls = [{ type: 'toolCall' as const, id: 't1', name: 'calculator', arguments: { expression: '1+1' } }];
  expect(await finish(run, key, 1, { toolCalls })).toEqual(reply({ toolCalls }));
  expect(await begin(run, key)).toEqual({ state: 'finished', reply: reply({ toolCalls }) });
  expect(await story(run)).toEqual([
    'step.started',
    'call.started 1',
    'call.toolcall 1',
    'call.completed 1',
    'step.completed',
  ]);
  const [first] = await fresh.store.events.read(run.chain, 0, 1);
  expect(first).toMatchObject({ seq: 1, type: 'run.started', pattern: 'ask', tenant: 'acme', runId: run.id });
  expect(await fresh.store.runs.find(run.id)).toMatchObject({ models: [MODEL], costUsd: 0.01, metadata: { a: 1 } });
});

test('of two finishes the first reply counts: one bill line, one call.completed', async () => {
  const run = newRun();
  const key = newKey();
  await begin(run, key);
  const other = await openStore({ url: fresh.url });
  const both = await Promise.all([
    finish(run, key, 1, { text: 'one' }),
    other.journal.end(attempt(run, key, 1), { reply: reply({ text: 'two' }), completesStep: true }),
    finish(run, key, 1, { text: 'three' }),
  ]);
  await other.close();
  expect(new Set(both.map(({ text }) => text)).size).toBe(1);
  expect(await finish(run, key, 1, { text: 'four' })).toEqual(both[0]);
  expect((await story(run)).filter((type) => type.startsWith('call.completed'))).toHaveLength(1);
  const bill = await fresh.store.ledger.bill(run.chain);
  expect(bill).toMatchObject({ totalUsd: 0.01, inputTokens: 10, outputTokens: 2, unpriced: 0 });
  expect(bill.calls).toHaveLength(1);
});

test('a finish of a call whose beginning was never written makes the run and the call', async () => {
  const run = newRun();
  const key = newKey();
  await finish(run, key, 1);
  expect(await begin(run, key)).toMatchObject({ state: 'finished' });
  expect(await story(run)).toEqual(['call.completed 1', 'step.completed']);
});

test('a call whose beginning a crash of the database took is made again by what tells of it', async () => {
  const run = newRun();
  const key = newKey();
  const begun = { run, events: [], begin: { key, step: 's', model: MODEL, holder: 'one' } };
  const batch = {
    writer: 'one',
    batch: 1,
    origin: 'one',
    ...batchOf(
      [begun],
      () => false,
      () => false,
    ),
  };
  await query(fresh.url, `select ${FUNCTIONS.schema}.write_batch('${JSON.stringify(batch)}'::jsonb)`);
  expect(await begin(run, key)).toMatchObject({ state: 'open', epoch: 2 });
});

test('a worker lost before it told of its call leaves that to the next one, in order', async () => {
  const run = newRun();
  const key = newKey();
  const first = await openStore({ url: fresh.url });
  await first.journal.begin({ key, run, step: 's', model: MODEL, worstCaseUsd: 0.05 });
  expect(await begin(run, key)).toMatchObject({ state: 'open', epoch: 2 });
  await first.close();
  expect(await story(run)).toEqual(['step.started', 'call.started 1', 'call.retrying 2']);
});

test('the attempt after a lost worker announces its epoch, and that after a failure was announced already', async () => {
  const run = newRun();
  const key = newKey();
  await begin(run, key);
  expect(await begin(run, key)).toMatchObject({ state: 'open', epoch: 2, failures: 0 });
  await fresh.store.journal.end(attempt(run, key, 2), { error: LIMITED, next: { delayMs: 5 } });
  expect(await begin(run, key)).toMatchObject({ state: 'open', epoch: 3, failures: 1, midStreamFailures: 0 });
  const broken = { ...LIMITED, midStream: true };
  await fresh.store.journal.end(attempt(run, key, 3), { error: broken, next: { delayMs: 5 } });
  expect(await begin(run, key)).toMatchObject({ state: 'open', epoch: 4, failures: 2, midStreamFailures: 1 });
  expect(await story(run)).toEqual([
    'step.started',
    'call.started 1',
    'call.retrying 2',
    'call.retrying 3',
    'call.retrying 4',
  ]);
  const retries = (await fresh.store.events.read(run.chain, 3, 10)).map(
    (event) => event.type === 'call.retrying' && event,
  );
  expect(retries[0]).toMatchObject({ model: MODEL, error: { type: 'ConnectionLost' }, delayMs: 0 });
  expect(retries[1]).toMatchObject({ model: MODEL, error: LIMITED, delayMs: 5 });
});

test('a call given up for good is begun anew when it is asked again, with its error told', async () => {
  const run = newRun();
  const key = newKey();
  await begin(run, key);
  await fresh.store.journal.end(attempt(run, key, 1), { error: LIMITED, next: 'final' });
  await begin(run, newKey(), { model: 'anthropic/b', fallback: { from: MODEL, error: LIMITED } });
  expect(await begin(run, key)).toMatchObject({ state: 'open', epoch: 2, failures: 0 });
  expect(await story(run)).toEqual([
    'step.started',
    'call.started 1',
    'call.fallback',
    'call.started 1',
    'call.retrying 2',
  ]);
  const told = (await fresh.store.events.read(run.chain, 5, 1))[0];
  expect(told).toMatchObject({ error: LIMITED, delayMs: 0 });
});

test('of equal requests at once one is made for all, and whoever begins after its end has its answer', async () => {
  const [one, two, three] = [newRun(), newRun(), newRun()];
  const keys = [newKey(), newKey(), newKey()] as const;
  const shared = { tenant: '', requestHash: newKey(), models: [MODEL], leaseMs: 15_000 };
  expect(await begin(one, keys[0], { shared })).toMatchObject({ state: 'open', claimed: true });
  expect(await begin(two, keys[1], { shared })).not.toHaveProperty('claimed');
  const cache = { requestHash: shared.requestHash, ttlSeconds: 60 };
  await fresh.store.journal.end(attempt(one, keys[0], 1), { reply: reply(), completesStep: true, cache });
  expect(await begin(three, keys[2], { shared })).toEqual({ state: 'cached', reply: reply() });
  expect(await fresh.store.runs.find(three.id)).toBeUndefined();
  const flight = { requestHash: shared.requestHash, model: MODEL, holder: keys[1], leaseMs: 15_000 };
  expect(await fresh.store.cache.claim({ ...flight, since: new Date() })).toBe('taken');
});

test('an attempt that was replaced cannot fail the one that replaced it, nor a finished call', async () => {
  const run = newRun({ budgetUsd: 1 });
  const key = newKey();
  await begin(run, key);
  await begin(run, key);
  await fresh.store.journal.end(attempt(run, key, 1), { error: LIMITED, next: 'final' });
  expect(await fresh.store.ledger.account(`run:${run.chain}`)).toMatchObject({ reservedUsd: 0.05 });
  await fresh.store.journal.end(attempt(run, key, 1), { error: LIMITED, next: { delayMs: 5 } });
  expect(await begin(run, key)).toMatchObject({ state: 'open', epoch: 3, failures: 0 });
  await finish(run, key, 3);
  await fresh.store.journal.end(attempt(run, key, 3), { error: LIMITED, next: { delayMs: 5 } });
  expect(await begin(run, key)).toMatchObject({ state: 'finished' });
  expect(await story(run)).toEqual([
    ...['step.started', 'call.started 1', 'call.retrying 2', 'call.retrying 3', 'call.completed 3', 'step.completed'],
  ]);
  const lost = (await fresh.store.events.read(run.chain, 3, 2)).map((event) => 'error' in event && event.error?.type);
  expect(lost).toEqual(['ConnectionLost', 'ConnectionLost']);
});

test('when a replaced attempt answers first, readers get its text in an epoch above all others', async () => {
  const run = newRun();
  const key = newKey();
  await begin(run, key);
  await begin(run, key);
  const place = { step: 's', call: key.slice(0, 16), epoch: 2 };
  await fresh.store.events.append(run, [{ type: 'call.delta', text: 'half of the se', ...place }]);
  await finish(run, key, 1, { text: 'the first answer' });
  expect((await story(run)).slice(3)).toEqual(['call.delta 2', 'call.delta 3', 'call.completed 3', 'step.completed']);
  expect((await fresh.store.events.read(run.chain, 5, 1))[0]).toMatchObject({ text: 'the first answer', epoch: 3 });
  expect(await finish(run, key, 2, { text: 'second' })).toMatchObject({ text: 'the first answer' });
});

test('a finish never overtakes the words written before it', async () => {
  const run = newRun();
  const key = newKey();
  await begin(run, key);
  const place = { step: 's', call: key.slice(0, 16), epoch: 1 };
  for (let n = 0; n < 50; n++) void fresh.store.events.append(run, [{ type: 'call.delta', text: `${n} `, ...place }]);
  await finish(run, key, 1);
  const events = await fresh.store.events.read(run.chain, 0, 1_000);
  const words = events.map((event) => (event.type === 'call.delta' ? event.text : '')).join('');
  expect(words).toBe(Array.from({ length: 50 }, (_, n) => `${n} `).join(''));
  expect(events.at(-2)?.type).toBe('call.completed');
});

test('an answer of the cache costs nothing, and says what it saved', async () => {
  const run = newRun({ budgetUsd: 1 });
  const key = newKey();
  const given = { key, run, step: 's', model: MODEL, reply: reply() };
  expect(await fresh.store.journal.finishCached(given)).toEqual(reply({ costUsd: 0, cached: true }));
  expect(await fresh.store.journal.finishCached(given)).toEqual(reply({ costUsd: 0, cached: true }));
  expect(await story(run)).toEqual([
    'step.started',
    'call.cached 1',
    'call.delta 1',
    'call.completed 1',
    'step.completed',
  ]);
  expect((await fresh.store.events.read(run.chain, 2, 1))[0]).toMatchObject({ savedUsd: 0.01, usage: reply().usage });
  expect((await fresh.store.ledger.bill(run.chain)).calls).toEqual([
    { step: 's', model: MODEL, usage: reply().usage, costUsd: 0, cached: true },
  ]);
});

test('a call that waited for an equal one ends with its answer, in a new epoch and with nothing held', async () => {
  const run = newRun({ budgetUsd: 1 });
  const key = newKey();
  await begin(run, key);
  await fresh.store.journal.finishCached({ key, run, step: 's', model: MODEL, reply: reply() });
  expect((await story(run)).slice(2)).toEqual(['call.cached 2', 'call.delta 2', 'call.completed 2', 'step.completed']);
  expect(await fresh.store.ledger.account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0, reservedUsd: 0 });
});
