import { afterEach, expect, test } from '@jest/globals';
import { isStoreError, openStore, type Store } from '../../src/store/index.ts';
import { type DatabaseProxy, databaseProxy } from '../setup/database-proxy.ts';
import { type FreshStore, freshStore, query } from './fresh-store.ts';
import { newKey, newRun, reply, until } from './samples.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const LIMITS = { answerWithinMs: 300, patienceMs: 1_000 };

async function behindProxy(): Promise<{ fresh: FreshStore; proxy: DatabaseProxy; store: Store }> {
  const fresh = await freshStore();
  closing.push(() => fresh.drop());
  const proxy = await databaseProxy(fresh.url);
  closing.push(() => proxy.close());
  const store = await openStore({ url: proxy.url, ...LIMITS });
  closing.push(() => store.close());
  return { fresh, proxy, store };
}

const callOf = (run = newRun()) => ({ key: newKey(), run, step: 's', model: 'a/1' });

test('a database that hangs without a word is asked again over a new connection, and does nothing twice', async () => {
  const { fresh, proxy, store } = await behindProxy();
  const call = callOf();
  await store.runs.find(call.run.id);
  proxy.hang();
  const opened = proxy.opened();
  const beginning = store.journal.begin({ ...call, worstCaseUsd: null });
  const writing = store.events.append(call.run, [{ type: 'verdict', verdict: 1 }]);
  const reading = store.cache.find({ requestHash: 'none', models: ['a/1'] });
  // what hangs is connected to nobody: only a connection opened since can answer
  proxy.recover();
  expect(await beginning).toMatchObject({ state: 'open', epoch: 1 });
  await writing;
  expect(await reading).toBeUndefined();
  expect(proxy.opened()).toBeGreaterThan(opened);
  const types = (await fresh.store.events.read(call.run.chain, 0, 100)).map(({ type }) => type);
  expect(types.toSorted()).toEqual(['call.started', 'run.started', 'step.started', 'verdict']);
});

test.each(['hang', 'refuse'] as const)(
  'reads and beginnings give up an outage after their patience, events and answers wait for its end (%s)',
  async (fail) => {
    const { fresh, proxy, store } = await behindProxy();
    const [call, another] = [callOf(), callOf()];
    await store.journal.begin({ ...call, worstCaseUsd: null });
    proxy[fail]();
    const place = { step: 's', call: call.key.slice(0, 16), epoch: 1 };
    const waiting = [
      store.events.append(call.run, [{ type: 'call.delta', text: 'Paris', ...place }]),
      store.journal.end({ ...call, epoch: 1 }, { reply: reply(), completesStep: true }),
    ];
    const given = await Promise.allSettled([
      store.journal.begin({ ...another, worstCaseUsd: null }),
      store.journal.ended(another.key),
      store.cache.find({ requestHash: 'none', models: ['a/1'] }),
      store.runs.find(another.run.id),
      store.transcripts.read('none', 0, 1),
      store.blobs.get(['none']),
    ]);
    for (const outcome of given) {
      if (outcome.status === 'fulfilled') throw new Error('answered by a database that is away');
      expect(isStoreError(outcome.reason)).toBe(true);
    }
    proxy.recover();
    await Promise.all(waiting);
    expect(await store.journal.ended(call.key)).toMatchObject({ reply: { text: 'Paris' } });
    expect(await fresh.store.journal.ended(another.key)).toBeUndefined();
    expect(await fresh.store.runs.find(another.run.id)).toBeUndefined();
  },
);

test('what the database refuses is nobody else’s trouble, and no outage', async () => {
  const { store } = await behindProxy();
  const call = callOf();
  const broken = { ...callOf(), epoch: Number.NaN };
  const [refused, written] = await Promise.allSettled([
    store.journal.end(broken, { reply: reply(), completesStep: true }),
    store.events.append(call.run, [{ type: 'verdict', verdict: 1 }]),
  ]);
  expect(refused).toMatchObject({ status: 'rejected' });
  expect(isStoreError((refused as PromiseRejectedResult).reason)).toBe(false);
  expect(written.status).toBe('fulfilled');
});

test('a primary that has become a standby is waited out, and its connections are not used again', async () => {
  const { fresh, store } = await behindProxy();
  const name = new URL(fresh.url).pathname.slice(1);
  const call = callOf();
  await store.journal.begin({ ...call, worstCaseUsd: null });
  await query(fresh.url, `alter database ${name} set default_transaction_read_only = on`);
  // Only when that is committed: whoever connects again before is at the primary still.
  await query(
    fresh.url,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`,
  );
  const another = await store.journal.begin({ ...callOf(), worstCaseUsd: null }).catch((error) => error);
  expect(isStoreError(another)).toBe(true);
  const ending = store.journal.end({ ...call, epoch: 1 }, { reply: reply(), completesStep: true });
  // connections made meanwhile stay read-only: what they refuse must not be believed
  await query(process.env.CADENZA_TEST_POSTGRES_URL!, `alter database ${name} reset all`);
  expect(await ending).toMatchObject({ text: 'Paris' });
  expect(await store.journal.begin({ ...callOf(), worstCaseUsd: null })).toMatchObject({ state: 'open' });
});

test('a connection for notifications that hangs is noticed and made anew', async () => {
  const { fresh, proxy, store } = await behindProxy();
  const run = newRun();
  const seen: string[] = [];
  const following = (async () => {
    for await (const { type } of store.events.follow(run.id)) seen.push(type);
  })();
  await fresh.store.events.append(run, [{ type: 'verdict', verdict: 1 }]);
  await until(() => seen.length === 2);
  const opened = proxy.opened();
  proxy.hang();
  proxy.recover();
  await until(() => proxy.opened() > opened);
  await fresh.store.events.record(run, [{ type: 'run.completed', costUsd: 0, key: 'end' }]);
  await following;
  expect(seen).toEqual(['run.started', 'verdict', 'run.completed']);
});

test('a store closes although its database hangs', async () => {
  const { proxy, store } = await behindProxy();
  await store.runs.find('none');
  proxy.hang();
  await store.close();
});
