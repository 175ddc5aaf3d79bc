import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { type Cadenza, connect } from '../../src/client/index.ts';
import { parseConfig } from '../../src/config/index.ts';
import { releaseHeld } from '../../src/runtime/release-held.ts';
import { type MockProvider, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { testLog } from '../setup/test-log.ts';
import { until } from '../setup/until.ts';
import { type FreshStore, freshStore } from '../store/fresh-store.ts';
import { kill9 } from './press-room.ts';
import { startWorkerProcess } from './worker-process.ts';

let provider: MockProvider;
let fresh: FreshStore;
let cadenza: Cadenza;
let connection: Connection;
let env: NodeJS.ProcessEnv;
let asked = 0;
let worker: ChildProcess | undefined;

beforeAll(async () => {
  provider = await mockProvider(async (request) => {
    asked += 1;
    // The calls of the first worker, which is killed, are never answered.
    if (asked <= 2) await new Promise(() => {});
    return { content: promptOf(request), usage: USAGE };
  });
  fresh = await freshStore();
  const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  const taskQueue = `budget-${randomUUID()}`;
  env = {
    ...process.env,
    ...provider.env,
    CADENZA_DATABASE_URL: fresh.url,
    TEMPORAL_ADDRESS: temporalAddress,
    CADENZA_TASK_QUEUE: taskQueue,
  };
  const log = testLog().log;
  cadenza = await connect({ temporalAddress, databaseUrl: fresh.url, env, config: parseConfig({}), log });
  connection = await Connection.connect({ address: temporalAddress });
});
afterAll(async () => {
  if (worker) await kill9(worker);
  await connection.close();
  await cadenza.close();
  await provider.stop();
  await fresh.drop();
});

test('what a killed worker held is settled by the next one, or released where the run was terminated meanwhile', async () => {
  const account = 'tenant:unlucky';
  await cadenza.budgets.set(account, 10);
  const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };
  worker = await startWorkerProcess(env);
  const start = (prompt: string) => cadenza.start('ask', { prompt, policy }, { tenant: 'unlucky' });
  const [goesOn, ended] = [await start('One'), await start('Two')];
  await until(() => asked === 2 || undefined);
  const held = async () => (await cadenza.budgets.show(account)).reservedUsd;
  const both = await held();
  await kill9(worker);
  worker = undefined;

  await new Client({ connection }).workflow.getHandle(ended.id).terminate('test');
  await releaseHeld(new Client({ connection }), fresh.store, 0);
  expect(both).toBeGreaterThan(0);
  expect(await held()).toBeCloseTo(both / 2, 9);

  worker = await startWorkerProcess(env);
  await goesOn.result();
  const { spentUsd, reservedUsd } = await cadenza.budgets.show(account);
  expect(reservedUsd).toBe(0);
  expect(spentUsd).toBe((await cadenza.bill(goesOn.id)).totalUsd);
}, 120_000);
