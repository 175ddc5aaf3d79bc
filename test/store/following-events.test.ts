import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { NewEvent, RunEvent, RunRef } from '../../src/contract/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
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

const verdict = (n: number): NewEvent => ({ type: 'verdict', verdict: n });
const END = { type: 'run.completed', costUsd: 0, key: 'end' } as const;

/** Process ids of the connections that hear notifications; those that heard nothing for long have asked whether anybody is there. */
async function listeners(): Promise<number[]> {
  const rows = await query<{ pid: number }>(
    fresh.url,
    `select pid from pg_stat_activity where datname = current_database() and query ~ '^(listen |select 1$)'`,
  );
  return rows.map(({ pid }) => pid);
}

/** Follows in the background. */
function reader(store: Store, run: RunRef, after?: number) {
  const seen: RunEvent[] = [];
  const done = (async () => {
    for await (const event of store.events.follow(run.id, { after })) seen.push(event);
    return seen.map(({ seq }) => seq);
  })();
  return { seen, done };
}
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test('readers here and in another process see every event once, from before, during and after', async () => {
  const run = newRun();
  const early = [reader(fresh.store, run), reader(other, run)];
  for (let n = 0; n < 100; n++) await (n % 3 ? fresh.store : other).events.append(run, [verdict(n)]);
  const late = [reader(fresh.store, run, 40), reader(other, run, 40)];
  for (let n = 100; n < 200; n++) await (n % 3 ? fresh.store : other).events.append(run, [verdict(n)]);
  await other.events.record(run, [END]);
  for (const { done } of early) expect(await done).toEqual(numbers(1, 202));
  for (const { done } of late) expect(await done).toEqual(numbers(41, 202));
});

test('a reader that comes back after the end gets what it missed and is done', async () => {
  const run = newRun();
  await fresh.store.events.record(run, [{ ...verdict(1), key: 'a' }, END]);
  expect(await reader(other, run).done).toEqual([1, 2, 3]);
  expect(await reader(other, run, 2).done).toEqual([3]);
  expect(await reader(other, run, 3).done).toEqual([]);
});

test('a slow reader gets all 3,000 events, and nothing is held for it meanwhile', async () => {
  const run = newRun();
  const iterator = fresh.store.events.follow(run.id)[Symbol.asyncIterator]();
  await fresh.store.events.append(run, [verdict(0)]);
  const seen = [(await iterator.next()).value.seq];
  for (let n = 0; n < 30; n++)
    await fresh.store.events.append(
      run,
      Array.from({ length: 100 }, (_, i) => verdict(i)),
    );
  await fresh.store.events.record(run, [END]);
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) seen.push(next.value.seq);
  expect(seen).toEqual(numbers(1, 3_003));
});

test('a reader waits for a run that is not there yet, until it is told to stop', async () => {
  const run = newRun();
  const stop = new AbortController();
  const waiting = Array.fromAsync(other.events.follow('no such run', { signal: stop.signal }));
  const following = reader(other, run);
  await fresh.store.events.record(run, [END]);
  expect(await following.done).toEqual([1, 2]);
  stop.abort();
  expect(await waiting).toEqual([]);
});

test('of an id used again the newest run is followed', async () => {
  const old = newRun({ startedAt: '2026-01-01T00:00:00.000Z' });
  const again = { ...newRun({ startedAt: '2026-02-01T00:00:00.000Z', pattern: 'compare' }), id: old.id };
  await fresh.store.events.record(old, [END]);
  await fresh.store.events.record(again, [END]);
  const [first] = await Array.fromAsync(fresh.store.events.follow(old.id));
  expect(first).toMatchObject({ type: 'run.started', pattern: 'compare' });
});

test('every connection cut in the middle costs no reader an event and no writer a write', async () => {
  const run = newRun();
  const readers = [reader(fresh.store, run), reader(other, run)];
  for (let n = 0; n < 60; n++) {
    const written = fresh.store.events.append(run, [verdict(n)]);
    if (n % 10 === 5) {
      // also those that are just committing
      await query(
        process.env.CADENZA_TEST_POSTGRES_URL!,
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${new URL(fresh.url).pathname.slice(1)}'`,
      );
    }
    await written;
  }
  await fresh.store.events.record(run, [END]);
  for (const { done, seen } of readers) {
    expect(await done).toEqual(numbers(1, 62));
    expect(seen.flatMap((event) => (event.type === 'verdict' ? [event.verdict] : []))).toEqual(numbers(0, 59));
  }
});

/** Cuts the connections that hear notifications. @returns how to wait until they hear again */
async function cutListeners(): Promise<() => Promise<void>> {
  // What was cut in the test before is being connected again.
  await until(async () => (await listeners()).length === 2);
  const old = await listeners();
  await query(fresh.url, `select pg_terminate_backend(pid) from unnest(array[${old.join()}]) pid`);
  return () => until(async () => (await listeners()).filter((pid) => !old.includes(pid)).length === 2);
}

/** Well below the slow look every 2 s, which finds everything in the end. */
const SOON_MS = 1_000;

test('what happened while nobody listened is caught up with as soon as the listening goes on', async () => {
  const run = newRun();
  const { seen, done } = reader(other, run);
  for (let n = 0; n < 8; n++) {
    const heardAgain = await cutListeners();
    const start = performance.now();
    await fresh.store.events.append(run, [verdict(n)]);
    await until(() => seen.length === n + 2);
    expect(performance.now() - start).toBeLessThan(SOON_MS);
    await heardAgain();
  }
  await fresh.store.events.record(run, [END]);
  expect(await done).toEqual(numbers(1, 10));
});

test('notifications are heard again after the listening connection was cut', async () => {
  const run = newRun();
  const { seen, done } = reader(other, run);
  await (await cutListeners())();
  for (let n = 0; n < 20; n++) {
    const start = performance.now();
    await fresh.store.events.append(run, [verdict(n)]);
    await until(() => seen.length === n + 2);
    expect(performance.now() - start).toBeLessThan(SOON_MS);
  }
  await fresh.store.events.record(run, [END]);
  expect(await done).toEqual(numbers(1, 22));
});
