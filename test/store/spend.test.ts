import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import type { ModelReply, RunRef } from '../../src/contract/index.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';
import { newKey, newRun, reply } from './samples.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

/** A call of a run, booked at a time of our choosing. */
async function spent(run: RunRef, at: string, over: Partial<ModelReply> = {}, savedUsd?: number): Promise<void> {
  const call = { key: newKey(), run, step: 's', model: over.model ?? 'openai/gpt-6-sol' };
  await fresh.store.journal.end({ ...call, epoch: 1 }, { reply: reply(over), savedUsd, completesStep: false });
  await bookedAt(call.key, at);
}

async function cached(run: RunRef, at: string, found: ModelReply): Promise<void> {
  const call = { key: newKey(), run, step: 's', model: found.model };
  await fresh.store.journal.finishCached({ ...call, reply: found });
  await bookedAt(call.key, at);
}

const bookedAt = (key: string, at: string) =>
  sql`update ledger set at = ${at} where key = ${key}`.execute(fresh.store.db);

const spend = (query: object) => fresh.store.ledger.spend(query);

beforeAll(async () => {
  const acme = newRun({ tenant: 'acme', key: 'k1' });
  const council = newRun({ tenant: 'acme', pattern: 'council' });
  const other = newRun({ tenant: 'other' });
  const usage = { inputTokens: 100, outputTokens: 20, cachedInputTokens: 60, reasoningTokens: 5 };
  await spent(acme, '2026-03-01T10:00:00Z', { costUsd: 0.1, usage }, 0.03);
  await spent(acme, '2026-03-01T23:30:00Z', { costUsd: 0.2, model: 'anthropic/claude' });
  await spent(council, '2026-03-02T12:00:00Z', { costUsd: null, model: 'x/unpriced' });
  await spent(council, '2026-03-02T12:00:00Z', { costUsd: 0.4, estimated: true });
  await cached(council, '2026-03-02T13:00:00Z', reply({ costUsd: 0.5 }));
  await cached(council, '2026-03-02T13:00:00Z', reply({ costUsd: null }));
  await spent(other, '2026-03-02T12:00:00Z', { costUsd: 7 });
  await spent(other, '2026-04-02T12:00:00Z', { costUsd: 70 });
});

const MARCH = { from: '2026-03-01', to: '2026-03-31' };

test('days are summed up exactly, what was cached apart, unknown prices and estimates told', async () => {
  const { total, lines, ...asked } = await spend({ ...MARCH, tenant: 'acme' });
  expect(asked).toEqual({ ...MARCH, timeZone: 'UTC', by: ['day'] });
  expect(total).toEqual({
    ...{ costUsd: 0.7, calls: 4, inputTokens: 130, outputTokens: 26 },
    ...{ cachedInputTokens: 60, cacheWriteTokens: 0, reasoningTokens: 5 },
    ...{ cachedAnswers: 2, savedByCacheUsd: 0.5, savedByProviderUsd: 0.03, savedByBatchUsd: 0, savedUnknown: 1 },
    ...{ unpriced: 1, estimated: 1, estimatedUsd: 0.4 },
  });
  expect(lines).toEqual([
    expect.objectContaining({ day: '2026-03-01', costUsd: 0.3, calls: 2, savedByProviderUsd: 0.03 }),
    expect.objectContaining({ day: '2026-03-02', costUsd: 0.4, calls: 2, cachedAnswers: 2, unpriced: 1 }),
  ]);
});

test('a day is that of the time zone, with all its hours', async () => {
  const days = async (query: object) =>
    (await spend({ tenant: 'acme', ...query })).lines.map(({ day, costUsd }) => [day, costUsd]);
  expect(await days({ ...MARCH, timeZone: 'Asia/Kolkata' })).toEqual([
    ['2026-03-01', 0.1],
    ['2026-03-02', 0.6],
  ]);
  expect(await days({ from: '2026-03-01', to: '2026-03-01' })).toEqual([['2026-03-01', 0.3]]);
  expect(await days({ from: '2026-03-01', to: '2026-03-01', timeZone: 'America/Lima' })).toEqual([['2026-03-01', 0.3]]);
});

test('tenants are told apart, and one asked for sees nothing of another', async () => {
  const { total, lines } = await spend({ ...MARCH, by: 'tenant' });
  expect(total.costUsd).toBe(7.7);
  expect(lines.map(({ tenant, costUsd }) => [tenant, costUsd])).toEqual([
    ['other', 7],
    ['acme', 0.7],
  ]);
  for (const by of ['day', 'model', 'tenant', 'key', 'pattern'])
    expect((await spend({ ...MARCH, by, tenant: 'acme' })).total.costUsd).toBe(0.7);
  expect(await spend({ ...MARCH, tenant: 'nobody' })).toMatchObject({ total: { costUsd: 0, calls: 0 }, lines: [] });
});

test('two things are told apart at once; the lines that cost least are left out, the total is not', async () => {
  const both = await spend({ ...MARCH, tenant: 'acme', by: 'day,model' });
  expect(both.lines.map(({ day, model, costUsd }) => [day, model, costUsd])).toEqual([
    ['2026-03-01', 'anthropic/claude', 0.2],
    ['2026-03-01', 'openai/gpt-6-sol', 0.1],
    ['2026-03-02', 'openai/gpt-6-sol', 0.4],
    ['2026-03-02', 'x/unpriced', 0],
  ]);
  const least = await spend({ ...MARCH, tenant: 'acme', by: 'day,model', limit: 1 });
  expect(least).toMatchObject({ total: { costUsd: 0.7 }, lines: [{ costUsd: 0.4 }], leftOut: 3 });
  const patterns = await spend({ ...MARCH, tenant: 'acme', by: 'pattern,key' });
  expect(patterns.lines.map(({ pattern, key, costUsd }) => [pattern, key, costUsd])).toEqual([
    ['council', undefined, 0.4],
    ['ask', 'k1', 0.3],
  ]);
  expect((await spend({ ...MARCH, key: 'k1' })).total.costUsd).toBe(0.3);
  expect((await spend({ ...MARCH, tenant: 'acme', model: 'x/unpriced' })).total).toMatchObject({
    calls: 1,
    unpriced: 1,
  });
  expect((await spend({ ...MARCH, pattern: 'council' })).total.costUsd).toBe(0.4);
});

test('an estimate gives way to what the provider says later, once', async () => {
  const run = newRun({ tenant: 'late' });
  const call = { key: newKey(), run, step: 's', model: 'openai/gpt-6-sol', epoch: 1 };
  const usage = { inputTokens: 1, outputTokens: 1 };
  await fresh.store.journal.book(call, { usage, costUsd: 0.9, estimated: true });
  await fresh.store.journal.end(call, { reply: reply({ costUsd: 0.5 }), savedUsd: 0.1, completesStep: true });
  const { total } = await spend({ tenant: 'late' });
  expect(total).toMatchObject({ costUsd: 0.5, calls: 1, estimated: 0, savedByProviderUsd: 0.1 });
});

test.each([
  [{ by: 'hour' }, 'by'],
  [{ by: 'day,day' }, 'by'],
  [{ from: '2026-13-01' }, 'from'],
  [{ timeZone: 'Mars/Olympus' }, 'timeZone'],
])('%j is refused', async (query, field) => {
  await expect(spend(query)).rejects.toThrow(field);
});
