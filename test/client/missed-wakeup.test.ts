import { expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { createRunAwaiter } from '../../src/client/await-run.ts';
import type { RunFinder } from '../../src/client/find-run.ts';
import type { Store, StoredRun } from '../../src/store/index.ts';
import { until } from '../setup/until.ts';

test('who waits for a result looks by itself whether there is one: a server may miss to wake it', async () => {
  let hasEnded = false;
  let [requests, looks] = [0, 0];
  const result = async () => {
    requests += 1;
    return hasEnded ? 'done' : new Promise(() => {});
  };
  const temporal = { workflow: { getHandle: () => ({ result }) } } as unknown as Client;
  const find = async () => {
    looks += 1;
    return { status: hasEnded ? 'completed' : 'running' } as StoredRun;
  };
  const store = { runs: { find } } as unknown as Store;
  const awaiter = createRunAwaiter({ temporal, store }, {} as RunFinder);
  const waiting = awaiter.result('r', false);
  await until(() => looks > 0 || undefined);
  hasEnded = true;
  expect(await waiting).toBe('done');
  expect([requests, looks]).toEqual([2, 2]);
});
