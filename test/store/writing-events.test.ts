import { fork } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { NewEvent, RunEvent } from '../../src/contract/index.ts';
import { type EventLog, openStore } from '../../src/store/index.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';
import { newRun } from './samples.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

const delta = (text: string, call = 'c1', epoch = 1): NewEvent => ({
  type: 'call.delta',
  text,
  step: 's',
  call,
  epoch,
});
const all = (log: EventLog, chain: string) => log.read(chain, 0, 100_000);
const textOf = (events: RunEvent[], call: string) =>
  events.map((event) => (event.type === 'call.delta' && event.call === call ? event.text : '')).join('');

test('writers of four stores in three processes leave a gapless log with every event once', async () => {
  const runs = [newRun(), newRun(), newRun()];
  const writers = [0, 1].map((number) => {
    const child = fork(new URL('write-many.ts', import.meta.url), [fresh.url, JSON.stringify(runs), `p${number}`], {
      execPath: process.execPath,
      execArgv: [],
    });
    return once(child, 'exit');
  });
  const other = await openStore({ url: fresh.url });
  const here = [fresh.store, other].map(async (store, number) => {
    for (let n = 0; n < 50; n++) {
      await Promise.all(runs.map((run) => store.events.append(run, [{ type: 'verdict', verdict: `h${number}-${n}` }])));
    }
  });
  await Promise.all(here);
  await other.close();
  expect((await Promise.all(writers)).map(([code]) => code)).toEqual([0, 0]);

  for (const run of runs) {
    const events = await all(fresh.store.events, run.chain);
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 301 }, (_, index) => index + 1));
    expect(events[0]).toMatchObject({ type: 'run.started', pattern: 'ask', runId: run.id });
    expect(events.filter(({ type }) => type === 'run.started')).toHaveLength(1);
    const verdicts = events.flatMap((event) => (event.type === 'verdict' ? [String(event.verdict)] : []));
    expect(new Set(verdicts).size).toBe(300);
    for (const writer of new Set(verdicts.map((verdict) => verdict.split('-')[0]))) {
      const numbers = verdicts
        .filter((verdict) => verdict.startsWith(`${writer}-`))
        .map((v) => Number(v.split('-')[1]));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
  }
});

test('200 streams through one writer keep their words in order', async () => {
  const runs = Array.from({ length: 200 }, () => newRun());
  const words = Array.from({ length: 30 }, (_, n) => `${n} `);
  await Promise.all(runs.map((run) => Promise.all(words.map((word) => fresh.store.events.append(run, [delta(word)])))));
  for (const run of runs) {
    const events = await all(fresh.store.events, run.chain);
    expect(textOf(events, 'c1')).toBe(words.join(''));
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  }
});

test('words of one flush are joined by call and epoch, and never over another event', async () => {
  const run = newRun();
  const { events } = fresh.store;
  await Promise.all([
    events.append(run, [delta('a'), delta('1', 'c2'), delta('b')]),
    events.append(run, [delta('c'), delta('2', 'c2')]),
    events.append(run, [{ type: 'verdict', verdict: 'between' }]),
    events.append(run, [
      delta('d'),
      delta('e', 'c1', 2),
      { type: 'call.reasoning', text: 'f', step: 's', call: 'c1', epoch: 2 },
    ]),
  ]);
  const written = await all(events, run.chain);
  expect(written.slice(1).map((event) => [event.call, event.epoch, 'text' in event ? event.text : event.type])).toEqual(
    [
      ['c1', 1, 'abc'],
      ['c2', 1, '12'],
      [undefined, undefined, 'verdict'],
      ['c1', 1, 'd'],
      ['c1', 2, 'e'],
      ['c1', 2, 'f'],
    ],
  );
});

test('words of one turn of the event loop are one flush', async () => {
  const run = newRun();
  const { events } = fresh.store;
  const words = [events.append(run, [delta('a')])];
  for (const word of ['b', 'c']) {
    await new Promise(process.nextTick);
    words.push(events.append(run, [delta(word)]));
  }
  await Promise.all(words);
  expect((await all(events, run.chain)).slice(1)).toMatchObject([{ type: 'call.delta', text: 'abc' }]);
});

test('an event with a key is written once, however often and by whomever it is recorded', async () => {
  const run = newRun();
  const other = await openStore({ url: fresh.url });
  const chosen = { type: 'route.decided', choice: 'fast', reason: 'short', key: 'route:s' } as const;
  await Promise.all(
    Array.from({ length: 20 }, (_, n) => (n % 2 ? other : fresh.store).events.record(run, [chosen, chosen])),
  );
  await fresh.store.events.record(run, [{ ...chosen, key: 'route:t' }]);
  await other.close();
  const written = await all(fresh.store.events, run.chain);
  expect(written.map(({ type, seq }) => [seq, type])).toEqual([
    [1, 'run.started'],
    [2, 'route.decided'],
    [3, 'route.decided'],
  ]);
});

test('characters the database cannot hold become replacement characters, and the rest of the text stays', async () => {
  const run = newRun();
  await fresh.store.events.append(run, [delta('a\0b\ud83dc \\u0000 😀')]);
  expect(textOf(await all(fresh.store.events, run.chain), 'c1')).toBe('a\ufffdb\ufffdc \\u0000 😀');
});

test('work the database refuses fails alone', async () => {
  const [good, bad] = [newRun(), newRun({ startedAt: 'not a time' })];
  const results = await Promise.allSettled([
    fresh.store.events.append(good, [delta('x')]),
    fresh.store.events.append(bad, [delta('x')]),
    fresh.store.events.append(good, [delta('y')]),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(textOf(await all(fresh.store.events, good.chain), 'c1')).toBe('xy');
});

test('a run ends once; a reset that completes has the last word; late words are left out', async () => {
  const run = newRun();
  const { events, runs, journal } = fresh.store;
  const failed = { type: 'run.failed', error: { type: 'Unavailable', message: 'gone' }, key: 'end' } as const;
  const completed = { type: 'run.completed', costUsd: 0, key: 'end' } as const;
  const cancelled = { type: 'run.cancelled', key: 'end' } as const;
  const ends = async () =>
    (await all(events, run.chain))
      .map(({ type }) => type)
      .filter((type) => type.startsWith('run.') && type !== 'run.started');

  await Promise.all([events.append(run, [delta('in time')]), events.record(run, [failed])]);
  await events.record(run, [failed, cancelled]);
  await events.append(run, [delta('late')]);
  expect(await ends()).toEqual(['run.failed']);
  expect(textOf(await all(events, run.chain), 'c1')).toBe('in time');
  expect(await runs.find(run.id)).toMatchObject({ status: 'failed', error: failed.error, endedAt: expect.any(String) });

  await events.record(run, [completed]);
  await events.record(run, [completed, failed]);
  expect(await ends()).toEqual(['run.failed', 'run.completed']);
  const found = await runs.find(run.id);
  expect(found?.status).toBe('completed');
  expect(found).not.toHaveProperty('error');

  // Of a workflow task that Temporal did not take, since it was to be cancelled.
  await events.record(run, [cancelled]);
  expect(await ends()).toEqual(['run.failed', 'run.completed', 'run.cancelled']);
  expect(await runs.find(run.id)).toMatchObject({ status: 'cancelled' });
  await events.record(run, [completed]);

  await journal.begin({ key: 'a'.repeat(64), run, step: 's', model: 'openai/x', worstCaseUsd: 0 });
  expect(await runs.find(run.id)).toMatchObject({ status: 'running' });
  await events.record(run, [completed]);
  expect(await ends()).toEqual(['run.failed', 'run.completed', 'run.cancelled', 'run.completed', 'run.completed']);
});
