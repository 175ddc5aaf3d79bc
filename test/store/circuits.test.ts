import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { CallError } from '../../src/contract/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { type FreshStore, freshStore, query } from './fresh-store.ts';
import { newKey, until } from './samples.ts';

const RULES = { failures: 3, withinMs: 10_000, restMs: 300 };
const ERROR: CallError = { type: 'Unavailable', message: 'It is down' };

let fresh: FreshStore;
let here: Store;
let there: Store;
let scope = 'p/m';
let nth = 0;

beforeAll(async () => {
  fresh = await freshStore();
  here = fresh.store;
  there = await openStore({ url: fresh.url });
});
afterAll(async () => {
  await there.close();
  await fresh.drop();
});
beforeEach(() => {
  scope = `p/m${++nth}`;
});

const fail = (store: Store, over: { key?: string; error?: CallError } = {}) =>
  store.circuits.failed({ scope, key: newKey(), error: ERROR, rules: RULES, ...over });
const isOpen = (store: Store) => store.circuits.find([scope]) !== undefined;

test('a circuit opens for all processes by failures of any, and rests as long as the provider asked for', async () => {
  await fail(here);
  await fail(there);
  expect(isOpen(here)).toBe(false);
  await fail(here, { error: { ...ERROR, retryAfterMs: 60_000 } });
  await until(() => isOpen(there) && isOpen(here));
  expect(there.circuits.find(['p', scope])).toMatchObject({ scope, failures: 3, error: { message: 'It is down' } });
  expect(there.circuits.find([scope])!.retryAfterMs).toBeGreaterThan(50_000);
  const [state] = (await there.limits.circuits()).filter((one) => one.scope === scope);
  expect(state).toMatchObject({ state: 'open', failures: 3, error: 'It is down' });
});

test('it stays closed where more calls succeed than fail', async () => {
  await fail(here);
  // Successes are told of once it is known that there were failures.
  await until(async () => {
    await there.circuits.succeeded([scope], newKey(), RULES);
    const rows = await query<{ successes: number }>(
      fresh.url,
      `select successes from circuits where scope = '${scope}'`,
    );
    return rows[0]!.successes >= 5;
  });
  for (let n = 0; n < 2; n += 1) await fail(here);
  expect(await here.circuits.pass([scope], newKey(), 1_000)).toBeUndefined();
  expect(isOpen(here)).toBe(false);
});

test('exactly one call finds out whether it is back, and closes it for all', async () => {
  for (let n = 0; n < 3; n += 1) await fail(here);
  await until(() => isOpen(there));
  await until(() => !isOpen(there) && !isOpen(here));
  const keys = Array.from({ length: 10 }, newKey);
  const asked = keys.map((key, n) => (n % 2 ? here : there).circuits.pass([scope], key, 10_000));
  const passed = (await Promise.all(asked)).flatMap((open, n) => (open ? [] : [keys[n]!]));
  expect(passed).toHaveLength(1);
  await here.circuits.succeeded([scope], passed[0]!, RULES);
  await until(async () => (await there.circuits.pass([scope], newKey(), 1_000)) === undefined);
  expect((await here.limits.circuits()).filter((one) => one.scope === scope)).toEqual([]);
});

test('a probe that fails opens it anew; one that is given up leaves the question to the next', async () => {
  for (let n = 0; n < 3; n += 1) await fail(here);
  await until(() => isOpen(here));
  await until(() => !isOpen(here));
  const probe = newKey();
  expect(await here.circuits.pass([scope], probe, 10_000)).toBeUndefined();
  await here.circuits.abandon([scope], probe);
  const second = newKey();
  expect(await here.circuits.pass([scope], second, 10_000)).toBeUndefined();
  expect(await here.circuits.pass([scope], newKey(), 10_000)).toMatchObject({ scope });
  await fail(here, { key: second });
  await until(() => isOpen(here));
});
