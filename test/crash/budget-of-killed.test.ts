import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { releaseHeld } from '../../src/runtime/release-held.ts';
import { mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { until } from '../setup/until.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

let bed: CrashBed;
let connection: Connection;
let asked = 0;

beforeAll(async () => {
  const provider = await mockProvider(async (request) => {
    asked += 1;
    // The calls of the first worker, which is killed, are never answered.
    if (asked <= 2) await new Promise(() => {});
    return { content: promptOf(request), usage: USAGE };
  });
  bed = await crashBed({ provider });
  connection = await Connection.connect({ address: process.env.CADENZA_TEST_TEMPORAL_ADDRESS! });
});
afterAll(async () => {
  await connection.close();
  await bed.close();
});

test('what a killed worker held is settled by the next one, or released where the run was terminated meanwhile', async () => {
  const { cadenza, store } = bed;
  const account = 'tenant:unlucky';
  await cadenza.budgets.set(account, 10);
  const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };
  await bed.start();
  const start = (prompt: string) => cadenza.start('ask', { prompt, policy }, { tenant: 'unlucky' });
  const [goesOn, ended] = [await start('One'), await start('Two')];
  await until(() => asked === 2 || undefined);
  const held = async () => (await cadenza.budgets.show(account)).reservedUsd;
  const both = await held();
  await bed.kill();

  await new Client({ connection }).workflow.getHandle(ended.id).terminate('test');
  await releaseHeld(new Client({ connection }), store, 0);
  expect(both).toBeGreaterThan(0);
  expect(await held()).toBeCloseTo(both / 2, 9);

  await bed.start();
  await goesOn.result();
  const { spentUsd, reservedUsd } = await cadenza.budgets.show(account);
  expect(reservedUsd).toBe(0);
  expect(spentUsd).toBe((await cadenza.bill(goesOn.id)).totalUsd);
});
