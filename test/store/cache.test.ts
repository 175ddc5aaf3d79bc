import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import type { CallError } from '../../src/contract/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';
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
const GONE: CallError = { type: 'ModelNotFound', message: 'no such model' };

async function keep(requestHash: string, { model = MODEL, ttlSeconds = 60, tenant = 'acme', key = newKey() } = {}) {
  const run = newRun({ tenant });
  const cache = { tenant, requestHash, ttlSeconds };
  const attempt = { key, run, step: 's', model, epoch: 1 };
  await fresh.store.journal.end(attempt, { reply: reply({ model }), completesStep: true, cache });
}

test('an answer is found for the same tenant and request, of the first candidate that has one, until it is too old', async () => {
  const [requestHash, stale] = [newKey(), newKey()];
  const find = (models: string[], tenant?: string) => fresh.store.cache.find({ tenant, requestHash, models });
  await keep(requestHash, { model: 'a/1' });
  await keep(requestHash, { model: 'b/2' });
  expect(await find(['none/x', 'b/2', 'a/1'], 'acme')).toEqual(reply({ model: 'b/2' }));
  expect(await find(['a/1', 'b/2'], 'acme')).toEqual(reply({ model: 'a/1' }));
  expect(await find(['none/x'], 'acme')).toBeUndefined();
  expect(await find(['a/1'], 'globex')).toBeUndefined();
  expect(await find(['a/1'])).toBeUndefined();
  await keep(stale);
  await sql`update cache set expires_at = now() where request_hash = ${stale}`.execute(fresh.store.db);
  expect(await fresh.store.cache.find({ tenant: 'acme', requestHash: stale, models: [MODEL] })).toBeUndefined();
});

test('of 20 who ask the same at once in two processes one makes the call, and the others get its answer', async () => {
  const flight = { tenant: 'acme', requestHash: newKey(), model: MODEL };
  const since = new Date();
  let leaders = 0;
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const { cache } = n % 2 ? other : fresh.store;
      const holder = newKey();
      const claim = await cache.claim({ ...flight, holder, leaseMs: 30_000 });
      if (claim === 'yours') {
        leaders += 1;
        await keep(flight.requestHash, { key: holder });
        return reply();
      }
      expect(claim).toBe('taken');
      const waited = await cache.wait({ ...flight, models: ['none/x', MODEL], since });
      return typeof waited === 'object' && 'reply' in waited ? waited.reply : waited;
    }),
  );
  expect(leaders).toBe(1);
  expect(answers).toEqual(Array.from({ length: 20 }, () => reply()));
  const left = await sql`select from flights where request_hash = ${flight.requestHash}`.execute(fresh.store.db);
  expect(left.rows).toHaveLength(0);
});

test('those who wait adopt the final failure, and a later asker makes the call anew', async () => {
  const flight = { tenant: 'acme', requestHash: newKey(), model: MODEL };
  const leader = { ...flight, holder: newKey() };
  const since = new Date();
  expect(await fresh.store.cache.claim({ ...leader, leaseMs: 30_000 })).toBe('yours');
  const waiting = [fresh.store, other, other].map(({ cache }) => cache.wait({ ...flight, models: [MODEL], since }));
  await fresh.store.cache.release({ ...leader, error: GONE });
  expect(await Promise.all(waiting)).toEqual([{ failed: GONE }, { failed: GONE }, { failed: GONE }]);

  const next = { ...flight, holder: newKey(), leaseMs: 30_000 };
  expect(await other.cache.claim({ ...next, since })).toEqual({ failed: GONE, since: expect.any(Date) });
  const later = new Date(Date.now() + 1);
  expect(await other.cache.wait({ ...flight, models: [MODEL], since: later })).toBe('free');
  expect(await other.cache.claim({ ...next, since: later })).toBe('yours');
});

test('a lease is renewed by its holder alone, and one that ran out is taken over', async () => {
  const flight = { requestHash: newKey(), model: MODEL };
  const { cache } = fresh.store;
  const [first, second] = [newKey(), newKey()];
  expect(await cache.claim({ ...flight, holder: first, leaseMs: 30_000 })).toBe('yours');
  expect(await cache.claim({ ...flight, holder: first, leaseMs: 30_000 })).toBe('yours');
  expect(await cache.claim({ ...flight, holder: second, leaseMs: 30_000 })).toBe('taken');
  expect(await cache.renew({ ...flight, holder: second, leaseMs: 30_000 })).toBe(false);
  // a holder whose worker died renews no more
  expect(await cache.renew({ ...flight, holder: first, leaseMs: 200 })).toBe(true);
  expect(await other.cache.wait({ ...flight, models: [MODEL] })).toBe('free');
  expect(await cache.claim({ ...flight, holder: second, leaseMs: 30_000 })).toBe('yours');
  expect(await cache.renew({ ...flight, holder: first, leaseMs: 30_000 })).toBe(false);
  await cache.release({ ...flight, holder: first });
  expect(await cache.claim({ ...flight, holder: newKey(), leaseMs: 1 })).toBe('taken');
});

test('a release without an error sets the waiting free at once, and a signal ends the waiting', async () => {
  const flight = { requestHash: newKey(), model: MODEL };
  const holder = newKey();
  await fresh.store.cache.claim({ ...flight, holder, leaseMs: 30_000 });
  const stop = new AbortController();
  const stopped = other.cache.wait({ ...flight, models: [MODEL], signal: stop.signal });
  stop.abort(new Error('cancelled'));
  await expect(stopped).rejects.toThrow('cancelled');
  const waiting = other.cache.wait({ ...flight, models: [MODEL] });
  await fresh.store.cache.release({ ...flight, holder });
  expect(await waiting).toBe('free');
});

test('a reply that was taken out is not found any more, and those of others are', async () => {
  const requestHash = newKey();
  await keep(requestHash);
  await keep(requestHash, { model: 'other/model' });
  await keep(requestHash, { tenant: 'other' });
  await fresh.store.cache.evict({ tenant: 'acme', requestHash, model: MODEL });
  const find = (tenant: string, model = MODEL) => fresh.store.cache.find({ tenant, requestHash, models: [model] });
  expect(await find('acme')).toBeUndefined();
  expect(await find('acme', 'other/model')).toBeDefined();
  expect(await find('other')).toBeDefined();
});
