import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import type { RunEvent, RunRef } from '../../src/contract/index.ts';
import { FUNCTIONS } from '../../src/store/functions.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { databaseProxy } from '../setup/database-proxy.ts';
import { type FreshStore, freshStore, query } from './fresh-store.ts';
import { newRun, until } from './samples.ts';

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

/** Well below the slow look every 2 s, which finds everything in the end. */
const SOON_MS = 1_000;
const END = { type: 'run.completed', costUsd: 0, key: 'end' } as const;
const append = (run: RunRef, n: number) => fresh.store.events.append(run, [{ type: 'verdict', verdict: n }]);

function reader(store: Store, run: RunRef) {
  const seen: RunEvent[] = [];
  const done = (async () => {
    for await (const event of store.events.follow(run.id)) seen.push(event);
  })();
  return { seen, done };
}

/** The processes that are said to follow the run. */
async function followersOf({ chain }: RunRef): Promise<number> {
  const rows = await query<{ origin: string }>(fresh.url, `select origin from followers where chain = '${chain}'`);
  return rows.length;
}

test('other processes are notified when a run begins, and then only of runs that they follow', async () => {
  const client = new pg.Client({ connectionString: fresh.url });
  await client.connect();
  const heard: string[] = [];
  client.on('notification', ({ payload }) => heard.push(...payload!.split('\n').slice(1)));
  await client.query('listen cadenza_events');
  /** What was said until now, read behind a notification of our own. */
  const said = async (run: RunRef) => {
    await client.query(`notify cadenza_events, E'me\\nmark'`);
    await until(() => heard.at(-1) === 'mark');
    return heard.filter((line) => line.startsWith(run.chain)).map((line) => Number(line.split(' ')[1]));
  };
  try {
    const run = newRun();
    for (let n = 0; n < 5; n++) await append(run, n);
    expect(await said(run)).toEqual([2]);

    const here = reader(fresh.store, run);
    await until(async () => (await followersOf(run)) === 1);
    await append(run, 5);
    expect(await said(run)).toEqual([2]);

    const there = reader(other, run);
    await until(async () => (await followersOf(run)) === 2);
    await append(run, 6);
    expect(await said(run)).toEqual([2, 8]);

    await fresh.store.events.record(run, [END]);
    await Promise.all([here.done, there.done]);
    await until(async () => (await followersOf(run)) === 0);
  } finally {
    await client.end();
  }
});

test('what is being written while a reader begins to follow reaches it without a slow look', async () => {
  const run = newRun();
  await append(run, 0);
  const client = new pg.Client({ connectionString: fresh.url });
  await client.connect();
  try {
    // a writer that has looked for followers, found none, and has not committed
    await client.query('begin');
    await client.query('select from runs where chain = $1 for update', [run.chain]);
    const event = { o: 1, r: 1, t: 'verdict', d: { verdict: 1 } };
    await client.query(`select ${FUNCTIONS.schema}.put_events(array[$1], '{}', '{}', 'elsewhere', $2)`, [
      run.chain,
      JSON.stringify([event]),
    ]);
    const { seen, done } = reader(other, run);
    await until(async () => seen.length === 2 && (await followersOf(run)) === 1);
    const start = performance.now();
    await client.query('commit');
    await until(() => seen.length === 3);
    expect(performance.now() - start).toBeLessThan(SOON_MS);
    await fresh.store.events.record(run, [END]);
    await done;
  } finally {
    await client.end();
  }
});

test('a database that has forgotten who follows is told again', async () => {
  const run = newRun();
  const { seen, done } = reader(other, run);
  await append(run, 0);
  await until(async () => (await followersOf(run)) === 1);
  // what a crash leaves of an unlogged table, and of connections
  await query(fresh.url, 'truncate followers');
  await query(
    fresh.url,
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  await until(async () => (await followersOf(run)) === 1);
  for (let n = 1; n < 6; n++) {
    const start = performance.now();
    await append(run, n);
    await until(() => seen.length === n + 2);
    expect(performance.now() - start).toBeLessThan(SOON_MS);
  }
  await fresh.store.events.record(run, [END]);
  await done;
});

test('a process hears again at once where the database still holds its lost connection, and is not taken for gone', async () => {
  const proxy = await databaseProxy(fresh.url);
  const store = await openStore({ url: proxy.url, answerWithinMs: 500 });
  const heard = new Set<string>();
  const stopListening = store.processes.onStop((id) => heard.add(id));
  /** Whether it hears of what is said now. */
  const hears = async (id: string) => {
    await fresh.store.processes.stop(id, 'cancelled');
    return heard.has(id);
  };
  const isThere = () => fresh.store.processes.isThere(store.processes.self);
  try {
    await until(() => hears('before'));
    await until(isThere);
    proxy.hang();
    await fresh.store.processes.stop('meanwhile', 'cancelled');
    proxy.recover();
    await until(() => hears('after'));
    expect(heard.has('meanwhile')).toBe(false);
    expect(await isThere()).toBe(true);
  } finally {
    stopListening();
    await store.close();
    await proxy.close();
  }
});
