import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ToolDone } from '../../src/contract/index.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(async () => {
  await fresh.store.close();
  await fresh.drop();
});

const done = (hash: string): ToolDone => ({ kept: { hash, tokens: 1 } });
const wait = { wait: { state: { task: 7 }, pollMs: 100 } };

/** A call, and attempts of it, each by a worker of its own. */
function call(replay: 'safe' | 'unsafe') {
  const journaled = { key: randomUUID(), chain: 'chain', step: 'agent/pay', tool: 'pay', replay };
  const { tools } = fresh.store;
  const begin = (more: { holder?: string; resumes?: boolean } = {}) =>
    tools.begin({ ...journaled, holder: randomUUID(), ...more });
  return { key: journaled.key, begin, tools };
}

test('an unsafe call that another attempt left open is interrupted; a safe one is made again', async () => {
  const unsafe = call('unsafe');
  expect(await unsafe.begin()).toEqual({ state: 'open', attempt: 1 });
  expect(await unsafe.begin()).toEqual({ state: 'interrupted' });
  const safe = call('safe');
  await safe.begin();
  expect(await safe.begin()).toEqual({ state: 'open', attempt: 2 });
});

test('a beginning whose answer was lost may be asked for again', async () => {
  const { begin } = call('unsafe');
  await begin({ holder: 'mine' });
  expect(await begin({ holder: 'mine' })).toEqual({ state: 'open', attempt: 1 });
});

test('a call that waits is not made again by an attempt that does not know, and goes on with an answer', async () => {
  const { key, begin, tools } = call('unsafe');
  await begin({ holder: 'first' });
  await tools.wait(key, 'first', wait);
  expect(await begin()).toEqual({ state: 'waiting', unfinished: wait });
  expect(await begin({ resumes: true })).toMatchObject({ state: 'open' });
  // The attempt that went on was lost in its turn.
  expect(await begin({ resumes: true })).toEqual({ state: 'interrupted' });
});

test('the first outcome counts, whoever brings it', async () => {
  const { key, begin, tools } = call('unsafe');
  await begin();
  expect(await tools.end(key, done('a'))).toEqual(done('a'));
  expect(await tools.end(key, done('b'))).toEqual(done('a'));
  expect(await tools.ended(key)).toEqual(done('a'));
  expect(await begin()).toEqual({ state: 'finished', outcome: done('a') });
});
