import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import type { RunRef } from '../../src/contract/index.ts';
import { openStore } from '../../src/store/index.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';
import { newKey, newRun, reply } from './samples.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

const call = (run: RunRef, worstCaseUsd: number | null, over: object = {}) => ({
  ...{ key: newKey(), run, step: 's', model: 'openai/gpt-6-sol', worstCaseUsd, ...over },
});

test('of 50 calls at once on a budget for 20, exactly 20 are made', async () => {
  const run = newRun({ budgetUsd: 2 });
  const other = await openStore({ url: fresh.url });
  const begun = await Promise.all(
    Array.from({ length: 50 }, (_, n) => (n % 2 ? other : fresh.store).journal.begin(call(run, 0.1))),
  );
  await other.close();
  expect(begun.filter(({ state }) => state === 'open')).toHaveLength(20);
  expect(begun.filter(({ state }) => state === 'overBudget')).toHaveLength(30);
  expect(await fresh.store.ledger.account(`run:${run.chain}`)).toEqual({ budgetUsd: 2, spentUsd: 0, reservedUsd: 2 });
  const { n } = await fresh.store.db
    .selectFrom('calls')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('chain', '=', run.chain)
    .executeTakeFirstOrThrow();
  expect(n).toBe(20);
});

test('a tenant does not go over its budget with many runs at once, and what it spent before counts', async () => {
  const before = newRun({ tenant: 'acme' });
  await fresh.store.journal.end(
    { ...call(before, 0), epoch: 1 },
    { reply: reply({ costUsd: 0.5 }), completesStep: true },
  );
  await fresh.store.ledger.setBudget('tenant:acme', 1);
  const begun = await Promise.all(
    Array.from({ length: 20 }, () => fresh.store.journal.begin(call(newRun({ tenant: 'acme' }), 0.1))),
  );
  expect(begun.filter(({ state }) => state === 'open')).toHaveLength(5);
  expect(await fresh.store.ledger.account('tenant:acme')).toEqual({ budgetUsd: 1, spentUsd: 0.5, reservedUsd: 0.5 });
  await fresh.store.ledger.setBudget('tenant:acme', undefined);
  expect(await fresh.store.journal.begin(call(newRun({ tenant: 'acme' }), 0.1))).toMatchObject({ state: 'open' });
});

test('a call over the budget says what is spent, reserved, needed and allowed', async () => {
  const run = newRun({ budgetUsd: 1 });
  const first = call(run, 0.4);
  await fresh.store.journal.begin(first);
  await fresh.store.journal.end({ ...first, epoch: 1 }, { reply: reply({ costUsd: 0.3 }), completesStep: true });
  await fresh.store.journal.begin(call(run, 0.2));
  expect(await fresh.store.journal.begin(call(run, 0.6))).toEqual({
    state: 'overBudget',
    error: {
      type: 'BudgetExceeded',
      message:
        'A call to openai/gpt-6-sol would go over the budget of the run: it needs up to 0.6 USD; ' +
        'of 1 USD, 0.3 are spent and 0.2 reserved for calls in flight.',
      hint: expect.stringContaining('maxOutputTokens'),
      model: 'openai/gpt-6-sol',
      step: 's',
    },
    leftUsd: 0.5,
  });
});

test('a retried call holds its money once, and a finished one pays what it cost', async () => {
  const run = newRun({ budgetUsd: 1 });
  const one = call(run, 0.6);
  await fresh.store.journal.begin(one);
  const error = { type: 'Overloaded', message: 'busy' } as const;
  await fresh.store.journal.end({ ...one, epoch: 1 }, { error, next: { delayMs: 1 } });
  expect(await fresh.store.journal.begin(one)).toMatchObject({ state: 'open', epoch: 2 });
  const account = () => fresh.store.ledger.account(`run:${run.chain}`);
  expect(await account()).toMatchObject({ reservedUsd: 0.6 });
  await fresh.store.journal.end({ ...one, epoch: 2 }, { reply: reply({ costUsd: 0.1 }), completesStep: true });
  expect(await account()).toEqual({ budgetUsd: 1, spentUsd: 0.1, reservedUsd: 0 });
});

test('a repeated call does not take its budget over the limit by what its attempts before used', async () => {
  const run = newRun({ budgetUsd: 1 });
  const one = call(run, 0.6);
  await fresh.store.journal.begin(one);
  const spent = { usage: { inputTokens: 1, outputTokens: 1 }, costUsd: 0.5, estimated: true };
  const error = { type: 'ConnectionLost', message: 'cut' } as const;
  await fresh.store.journal.end({ ...one, epoch: 1 }, { error, next: { delayMs: 1 }, spent });
  expect(await fresh.store.journal.begin(one)).toMatchObject({ state: 'overBudget', leftUsd: 0.5 });
  const account = () => fresh.store.ledger.account(`run:${run.chain}`);
  expect(await account()).toEqual({ budgetUsd: 1, spentUsd: 0.5, reservedUsd: 0 });

  const shorter = { ...one, worstCaseUsd: 0.4 };
  expect(await fresh.store.journal.begin(shorter)).toMatchObject({ state: 'open', epoch: 2, heldUsd: 0.4 });
  await fresh.store.journal.end({ ...one, epoch: 2 }, { reply: reply({ costUsd: 0.4 }), completesStep: true });
  expect(await account()).toEqual({ budgetUsd: 1, spentUsd: 0.9, reservedUsd: 0 });
});

test('a call given up, and a run that ended, hold nothing any more', async () => {
  const run = newRun({ budgetUsd: 1 });
  const error = { type: 'Overloaded', message: 'busy' } as const;
  const reserved = async () => (await fresh.store.ledger.account(`run:${run.chain}`))?.reservedUsd;
  const one = call(run, 0.6);
  await fresh.store.journal.begin(one);
  await fresh.store.journal.end({ ...one, epoch: 1 }, { error, next: 'final' });
  expect(await reserved()).toBe(0);
  await fresh.store.journal.begin(call(run, 0.3));
  await fresh.store.journal.begin(call(run, 0.3));
  expect(await reserved()).toBe(0.6);
  await fresh.store.events.record(run, [{ type: 'run.cancelled', key: 'end' }]);
  expect(await reserved()).toBe(0);
  await fresh.store.journal.begin(call(run, 0.3));
  await fresh.store.ledger.releaseOf(run.chain);
  expect(await reserved()).toBe(0);
});

test('a call of unknown cost is charged its worst case, and the bill says so', async () => {
  const run = newRun({ budgetUsd: 1 });
  const one = call(run, 0.25, { unknownPrice: true });
  await fresh.store.journal.begin(one);
  await fresh.store.journal.end({ ...one, epoch: 1 }, { reply: reply({ costUsd: null }), completesStep: true });
  expect(await fresh.store.ledger.account(`run:${run.chain}`)).toEqual({
    budgetUsd: 1,
    spentUsd: 0.25,
    reservedUsd: 0,
  });
  expect(await fresh.store.ledger.bill(run.chain)).toMatchObject({ totalUsd: null, unpriced: 1, inputTokens: 10 });
  expect(await fresh.store.runs.find(run.id)).toMatchObject({ costUsd: null });
});

test('a warning is given once, when four fifths are spent', async () => {
  const run = newRun({ budgetUsd: 1 });
  for (const costUsd of [0.4, 0.3, 0.1, 0.1]) {
    const one = call(run, costUsd);
    await fresh.store.journal.begin(one);
    await fresh.store.journal.end({ ...one, epoch: 1 }, { reply: reply({ costUsd }), completesStep: false });
  }
  const events = await fresh.store.events.read(run.chain, 0, 100);
  const warnings = events.filter(({ type }) => type === 'budget.warning');
  expect(warnings).toEqual([expect.objectContaining({ scope: 'run', spentUsd: 0.8, budgetUsd: 1 })]);
});

test('a thousand small sums add up exactly', async () => {
  const run = newRun({ budgetUsd: 1 });
  await Promise.all(
    Array.from({ length: 1_000 }, () =>
      fresh.store.journal.end(
        { ...call(run, 0), epoch: 1 },
        { reply: reply({ costUsd: 0.0000001 }), completesStep: false },
      ),
    ),
  );
  const bill = await fresh.store.ledger.bill(run.chain);
  expect(bill.totalUsd).toBe(0.0001);
  expect(bill.calls).toHaveLength(1_000);
  expect((await fresh.store.ledger.account(`run:${run.chain}`))?.spentUsd).toBe(0.0001);
  expect((await fresh.store.runs.find(run.id))?.costUsd).toBe(0.0001);
});

test('money held for a call that died is found behind any number that is held for living ones', async () => {
  const [living, dead] = [newRun({ budgetUsd: 1 }), newRun({ budgetUsd: 1 })];
  await fresh.store.journal.begin({ ...call(living, 0.1), key: `a${newKey()}` });
  await fresh.store.journal.begin({ ...call(dead, 0.1), key: `z${newKey()}` });
  await sql`insert into reservations (call_key, chain, amount, accounts)
    select 'b' || n, ${living.chain}, 0, '{}' from generate_series(1, 2500) n`.execute(fresh.store.db);
  const found = new Set<string>();
  let after: string | undefined;
  do {
    const page = await fresh.store.ledger.holdingSince(-1_000, after);
    for (const { id } of page.runs) found.add(id);
    after = page.nextAfter;
  } while (after !== undefined);
  expect(found).toContain(dead.id);
  expect(found).toContain(living.id);
});
