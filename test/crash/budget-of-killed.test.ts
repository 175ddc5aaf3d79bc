import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { releaseHeld } from '../../src/runtime/release-held.ts';
import { type MockProvider, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { until, untilEvent } from '../setup/until.ts';
import { newKey, newRun, reply } from '../store/samples.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

const SLOWLY = { chunkSize: 5, streamingProfile: { ttft: 10, tps: 20 } };

let provider: MockProvider;
let bed: CrashBed;
let connection: Connection;
let asked = 0;

beforeAll(async () => {
  provider = await mockProvider(async (request) => {
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

test('what a killed worker streamed is booked also where the cache has an answer by then', async () => {
  const { cadenza, store } = bed;
  provider.first(
    (request) => promptOf(request) === 'Three',
    () => ({ content: 'word '.repeat(300) }),
    SLOWLY,
  );
  const policy = { candidates: ['openai/gpt-6-sol'] };
  const run = await cadenza.start('ask', { prompt: 'Three', policy }, { tenant: 'lucky', budgetUsd: 1 });
  await untilEvent(cadenza, run.id, 'call.delta');
  await bed.kill();

  const flight = await store.db
    .selectFrom('flights')
    .selectAll()
    .where('tenant', '=', 'lucky')
    .executeTakeFirstOrThrow();
  await store.journal.end(
    { key: newKey(), run: newRun(), step: 's', model: flight.model, epoch: 1 },
    {
      reply: reply({ text: 'from another run', model: flight.model }),
      completesStep: true,
      cache: { tenant: flight.tenant, requestHash: flight.request_hash, ttlSeconds: 60 },
    },
  );
  await bed.start();
  expect(await run.result()).toMatchObject({ text: 'from another run', costUsd: 0 });
  const { calls, totalUsd } = await cadenza.bill(run.id);
  expect(calls).toMatchObject([
    { estimated: true, cached: false },
    { cached: true, costUsd: 0 },
  ]);
  expect(totalUsd).toBeGreaterThan(0);
  expect(await cadenza.budgets.show('tenant:lucky')).toMatchObject({ spentUsd: totalUsd, reservedUsd: 0 });
});
