import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { CallError, RunRef } from '../../src/contract/index.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';
import { newKey, newRun, reply } from './samples.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

const MODEL = 'openai/gpt-6-sol';
const CANCELLED: CallError = { type: 'Cancelled', message: 'The run was cancelled' };
const BUSY: CallError = { type: 'Overloaded', message: 'busy', midStream: true };
const PARTIAL = { usage: { inputTokens: 10, outputTokens: 4 }, costUsd: 0.02, estimated: true };

const callOf = (run: RunRef, key = newKey()) => ({ key, run, step: 's', model: MODEL });
const begin = async (call: ReturnType<typeof callOf>, worstCaseUsd = 0.1) => {
  const begun = await fresh.store.journal.begin({ ...call, worstCaseUsd });
  if (begun.state !== 'open') throw new Error(begun.state);
  return begun;
};
const linesOf = async (run: RunRef) =>
  (await fresh.store.ledger.bill(run.chain)).calls.map(({ costUsd, estimated = false }) => ({ costUsd, estimated }));
const account = (id: Parameters<FreshStore['store']['ledger']['account']>[0]) => fresh.store.ledger.account(id);

/** A run below another one, of a tenant and a key, all with a budget of 1 USD. */
async function runWithPayers() {
  const above = newRun({ budgetUsd: 1 });
  await fresh.store.events.append(above, [{ type: 'verdict', verdict: 1 }]);
  const name = newKey().slice(0, 12);
  await fresh.store.ledger.setBudget(`tenant:${name}`, 1);
  await fresh.store.ledger.setBudget(`key:${name}`, 1);
  const run = newRun({ budgetUsd: 1, above: [above.chain], tenant: name, key: name });
  const ids = [`run:${run.chain}`, `run:${above.chain}`, `tenant:${name}`, `key:${name}`] as const;
  return { run, accounts: () => Promise.all(ids.map(account)) };
}

test('a call stopped in mid-stream is on the bill as far as it went, and all who pay are charged', async () => {
  const { run, accounts } = await runWithPayers();
  const call = callOf(run);
  await begin(call);
  await fresh.store.journal.end({ ...call, epoch: 1 }, { error: CANCELLED, next: 'final', spent: PARTIAL });
  expect(await fresh.store.ledger.bill(run.chain)).toEqual({
    ...{ totalUsd: 0.02, inputTokens: 10, outputTokens: 4, unpriced: 0 },
    calls: [{ step: 's', model: MODEL, usage: PARTIAL.usage, costUsd: 0.02, cached: false, estimated: true }],
  });
  expect(await accounts()).toEqual(Array(4).fill({ budgetUsd: 1, spentUsd: 0.02, reservedUsd: 0 }));
  expect(await fresh.store.runs.find(run.id)).toMatchObject({ costUsd: 0.02, models: [MODEL] });
});

test('the loser of a hedge charges all who pay, and is told with the model that is heard', async () => {
  const { run, accounts } = await runWithPayers();
  const call = callOf(run);
  await begin(call);
  await fresh.store.journal.end({ ...call, epoch: 1 }, { error: CANCELLED, next: 'final', spent: PARTIAL, by: 'b/2' });
  expect(await accounts()).toEqual(Array(4).fill({ budgetUsd: 1, spentUsd: 0.02, reservedUsd: 0 }));
  const told = (await fresh.store.events.read(run.chain, 0, 100)).at(-1);
  expect(told).toMatchObject({ type: 'call.abandoned', model: MODEL, by: 'b/2', usage: PARTIAL.usage, costUsd: 0.02 });
});

test('a first call that failed for good gives its money back while a second one runs', async () => {
  const run = newRun({ budgetUsd: 1 });
  const [one, two] = [callOf(run), { ...callOf(run), model: 'b/2' }];
  await begin(one, 0.6);
  await begin(two, 0.3);
  await fresh.store.journal.end({ ...one, epoch: 1 }, { error: BUSY, next: 'final', spent: PARTIAL });
  expect(await account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0.02, reservedUsd: 0.3 });
});

test('an attempt that is made again is booked too, and its money held on', async () => {
  const run = newRun({ budgetUsd: 1 });
  const call = callOf(run);
  await begin(call);
  await fresh.store.journal.end({ ...call, epoch: 1 }, { error: BUSY, next: { delayMs: 1 }, spent: PARTIAL });
  expect(await account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0.02, reservedUsd: 0.1 });
  expect(await begin(call)).toMatchObject({ epoch: 2, failures: 1, midStreamFailures: 1, lost: [] });
  await fresh.store.journal.end({ ...call, epoch: 2 }, { reply: reply(), completesStep: true });
  expect(await linesOf(run)).toEqual([
    { costUsd: 0.02, estimated: true },
    { costUsd: 0.01, estimated: false },
  ]);
  expect(await account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0.03, reservedUsd: 0 });
});

test('an attempt of unknown price is charged what was held for it, however it ends', async () => {
  const run = newRun({ budgetUsd: 1 });
  const call = callOf(run);
  await begin(call, 0.25);
  await fresh.store.journal.end(
    { ...call, epoch: 1 },
    { error: CANCELLED, next: 'final', spent: { ...PARTIAL, costUsd: null } },
  );
  expect(await account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0.25, reservedUsd: 0 });
  expect(await fresh.store.ledger.bill(run.chain)).toMatchObject({ totalUsd: null, unpriced: 1 });
});

test('the same end told twice is booked once', async () => {
  const run = newRun({ budgetUsd: 1 });
  const call = callOf(run);
  await begin(call);
  const twice = () =>
    fresh.store.journal.end({ ...call, epoch: 1 }, { error: CANCELLED, next: 'final', spent: PARTIAL });
  await Promise.all([twice(), twice()]);
  await twice();
  expect(await linesOf(run)).toHaveLength(1);
  expect(await account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0.02, reservedUsd: 0 });
});

test('a worker taken for lost is billed what it streamed, and what it really used once it says so', async () => {
  const run = newRun({ budgetUsd: 1 });
  const call = callOf(run);
  const first = await begin(call);
  const place = { step: 's', call: first.call, epoch: 1 };
  await fresh.store.events.append(run, [
    { type: 'call.reasoning', text: 'Let me think. ', ...place },
    { type: 'call.delta', text: 'It is ', ...place },
    { type: 'call.delta', text: 'Paris', ...place },
  ]);
  expect(await begin(call)).toMatchObject({ epoch: 2, lost: [{ epoch: 1, streamed: 'Let me think. It is Paris' }] });
  await fresh.store.journal.book({ ...call, epoch: 1 }, PARTIAL);
  expect(await linesOf(run)).toEqual([{ costUsd: 0.02, estimated: true }]);
  expect(await begin(call)).toMatchObject({ epoch: 3, lost: [] });
  expect(await account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0.02, reservedUsd: 0.1 });

  await fresh.store.journal.end(
    { ...call, epoch: 1 },
    { error: BUSY, next: 'final', spent: { ...PARTIAL, costUsd: 0.05, estimated: false } },
  );
  expect(await linesOf(run)).toEqual([{ costUsd: 0.05, estimated: false }]);
  expect(await account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0.05, reservedUsd: 0.1 });
  expect(await fresh.store.runs.find(run.id)).toMatchObject({ costUsd: 0.05, status: 'running' });
});

test('of two attempts that both answer the first counts, and both are on the bill', async () => {
  const run = newRun({ budgetUsd: 1 });
  const call = callOf(run);
  await begin(call);
  await begin(call);
  await fresh.store.journal.end({ ...call, epoch: 1 }, { reply: reply({ text: 'one' }), completesStep: true });
  // the other one is still being made
  expect(await account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0.01, reservedUsd: 0.1 });
  expect(
    await fresh.store.journal.end({ ...call, epoch: 2 }, { reply: reply({ text: 'two' }), completesStep: true }),
  ).toMatchObject({
    text: 'one',
  });
  expect(await linesOf(run)).toEqual(Array(2).fill({ costUsd: 0.01, estimated: false }));
  expect(await account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0.02, reservedUsd: 0 });
});

test('an answer of the cache has its own line beside that of an attempt before it', async () => {
  const run = newRun({ budgetUsd: 1 });
  const call = callOf(run);
  await begin(call);
  await fresh.store.journal.end({ ...call, epoch: 1 }, { error: BUSY, next: { delayMs: 1 }, spent: PARTIAL });
  await begin(call);
  await fresh.store.journal.finishCached({ ...call, reply: reply() });
  const bill = await fresh.store.ledger.bill(run.chain);
  expect(bill.calls.map(({ costUsd, cached }) => ({ costUsd, cached }))).toEqual([
    { costUsd: 0.02, cached: false },
    { costUsd: 0, cached: true },
  ]);
  expect(await account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0.02, reservedUsd: 0 });
});
