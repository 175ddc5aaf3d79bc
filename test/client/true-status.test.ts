import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NativeConnection, Worker } from '@temporalio/worker';
import { type Cadenza, connect } from '../../src/client/index.ts';
import { parseConfig } from '../../src/config/index.ts';
import { createGateway } from '../../src/gateway/index.ts';
import { closeEndedSince } from '../../src/runtime/close-ended.ts';
import { openRooms } from '../../src/runtime/open-rooms.ts';
import { cadenzaPlugin } from '../../src/workers/index.ts';
import { temporalWire } from '../setup/temporal-wire.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { testBundle } from '../setup/test-bundle.ts';
import { testLog } from '../setup/test-log.ts';
import { until } from '../setup/until.ts';

const ownQueue = `own-${randomUUID()}`;
const config = parseConfig({ workflows: { stepless: { taskQueue: ownQueue } } });

let bed: TestBed;
/** of patterns that no worker takes */
let unserved: Cadenza;
beforeAll(async () => {
  bed = await testBed({ config: { workflows: { stepless: { taskQueue: ownQueue } } } });
  const { databaseUrl, env } = bed;
  const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  const taskQueue = `nobody-${randomUUID()}`;
  unserved = await connect({ temporalAddress, databaseUrl, env, config, taskQueue, log: testLog().log });
});
afterAll(async () => {
  await unserved.close();
  await bed.close();
});

const ask = { prompt: 'Anybody there?', policy: { candidates: ['openai/gpt-6-sol'] } };

test('a run terminated before any worker took it is shown as ended, for its tenant, and its events end', async () => {
  const { id } = await unserved.start('ask', ask, { tenant: 'acme' });
  expect(await unserved.show(id)).toMatchObject({ status: 'running' });
  await bed.temporal.workflow.getHandle(id).terminate('By hand');

  const failed = { status: 'failed', error: { type: 'Cancelled', message: 'The run was terminated' } };
  expect(await unserved.show(id)).toMatchObject({ id, pattern: 'ask', tenant: 'acme', ...failed });
  const events = await Array.fromAsync(unserved.events(id));
  expect(events.map(({ type }) => type)).toEqual(['run.started', 'run.failed']);
  expect((await unserved.list({ tenant: 'acme' })).runs.map((run) => run.id)).toContain(id);
});

test('who follows a run that no worker takes comes to its end when it is terminated', async () => {
  const { id } = await unserved.start('ask', ask);
  const followed = Array.fromAsync(unserved.events(id));
  await bed.temporal.workflow.getHandle(id).terminate('By hand');
  expect((await followed).at(-1)).toMatchObject({ type: 'run.failed' });
});

test('a run terminated while it runs is shown as ended before anybody follows it', async () => {
  const { id } = await bed.client.start('conversation', { policy: ask.policy });
  await bed.client.send(id, 'Anybody there?');
  await bed.temporal.workflow.getHandle(id).terminate('By hand');
  expect(await bed.client.show(id)).toMatchObject({ status: 'failed' });
});

test('a run terminated while it runs is listed as ended, also where nobody asks for it', async () => {
  const { id } = await bed.client.start('conversation', { policy: ask.policy });
  await bed.client.send(id, 'Anybody there?');
  const since = Date.now();
  await bed.temporal.workflow.getHandle(id).terminate('By hand');
  const { store, close } = await openRooms({ ...bed, log: testLog().log });
  const listed = async () => (await store.runs.list({ status: 'failed' })).runs.some((run) => run.id === id);
  await until(async () => {
    await closeEndedSince(bed.temporal, store, since);
    return (await listed()) || undefined;
  });
  await close();
});

test('a workflow of a user’s own that uses no step has its status, result and end', async () => {
  const connection = await NativeConnection.connect({ address: process.env.CADENZA_TEST_TEMPORAL_ADDRESS! });
  const { databaseUrl, env } = bed;
  const plugins = [await cadenzaPlugin({ databaseUrl, env, config, log: testLog().log })];
  const workflowBundle = await testBundle();
  const worker = await Worker.create({ connection, taskQueue: ownQueue, workflowBundle, plugins });
  const run = worker.run();
  const { id } = await bed.client.startUnchecked('stepless', { name: 'Ada' });
  expect(await bed.client.result(id)).toBe('done, Ada');
  expect(await bed.client.show(id)).toMatchObject({ status: 'completed', pattern: 'stepless', costUsd: 0 });
  expect((await bed.eventsOf(id)).map(({ type }) => type)).toEqual(['run.started', 'run.completed']);
  worker.shutdown();
  await run;
  await connection.close();
});

test.each([
  ['a workflow of another team', { type: 'payroll', taskQueue: 'payroll' }],
  ['one that is named like a pattern, elsewhere', { type: 'ask', taskQueue: 'payroll' }],
])('%s is no run: it is not found, and nothing is done to it', async (_, { type, taskQueue }) => {
  const workflowId = `payroll-${randomUUID()}`;
  const handle = await bed.temporal.workflow.start(type, { workflowId, taskQueue, args: [{}] });
  const notFound = { code: 'NotFound' };
  await expect(bed.client.show(workflowId)).rejects.toMatchObject(notFound);
  await expect(bed.client.outcome(workflowId)).rejects.toMatchObject(notFound);
  await expect(bed.client.cancel(workflowId)).rejects.toMatchObject(notFound);
  await expect(bed.client.start('ask', ask, { id: workflowId })).rejects.toMatchObject({ code: 'Conflict' });
  const app = createGateway({
    ...{ client: bed.client, links: { namespace: 'default' }, apiKeys: [], version: '1', log: testLog().log },
  });
  for (const path of ['', '/result', '/events', '/bill', '/timeline']) {
    expect([path, (await app.request(`/v1/runs/${workflowId}${path}`)).status]).toEqual([path, 404]);
  }
  expect((await app.request(`/v1/runs/${workflowId}/cancel`, { method: 'POST' })).status).toBe(404);
  const { raw, status } = await handle.describe();
  expect(status.name).toBe('RUNNING');
  expect(raw.workflowExecutionInfo?.historyLength?.toNumber()).toBe(2);
  await handle.terminate();
});

test('a wait that runs out says that the run goes on, the first time and every time', async () => {
  const outcomes = [];
  for (let n = 0; n < 4; n++) {
    const { id } = await bed.client.start('conversation', {});
    outcomes.push(await bed.client.outcome(id, n / 2), await bed.client.outcome(id, 0.3));
    await bed.client.end(id);
  }
  expect(outcomes).toEqual(outcomes.map(() => ({ status: 'running' })));
});

test('a run that has ended is not said to go on because Temporal is slow to tell how', async () => {
  const { id, result } = await bed.client.start('conversation', {});
  await bed.client.cancel(id);
  await expect(result()).rejects.toMatchObject({ code: 'RunCancelled' });
  const { client, close } = await farClient(400);
  expect(await client.outcome(id)).toMatchObject({ status: 'cancelled' });
  await close();
});

test('a wait that runs out asks Temporal once in a while, and not all the time', async () => {
  const { id } = await bed.client.start('conversation', {});
  const { client, said, close } = await farClient(0);
  expect(await client.outcome(id, 2)).toEqual({ status: 'running' });
  // Each request is some of them.
  expect(said()).toBeLessThan(30);
  await close();
  await bed.client.end(id);
});

/** A client far from the same server, whose answers take so long, ms. */
async function farClient(delayMs: number) {
  const { databaseUrl, env, taskQueue } = bed;
  const wire = await temporalWire(delayMs);
  const { address: temporalAddress, said } = wire;
  const client = await connect({ temporalAddress, databaseUrl, env, config, taskQueue, log: testLog().log });
  const close = async () => {
    await client.close();
    wire.close();
  };
  return { client, said, close };
}

test('a run that has ended cannot be stopped any more, and is not said to be unknown', async () => {
  const { id, result } = await bed.client.start('ask', ask);
  await result();
  await expect(bed.client.cancel(id)).rejects.toMatchObject({
    code: 'Conflict',
    error: { message: expect.stringContaining('is completed') },
  });
});

test.each(['', 'x', 'bm90IGpzb24', Buffer.from('["now","c"]').toString('base64url')])(
  'the cursor %j, which no page gave, is refused by name',
  async (cursor) => {
    await expect(bed.client.list({ cursor })).rejects.toMatchObject({
      code: 'InvalidRequest',
      error: { path: 'query.cursor' },
    });
  },
);

test('an option nobody knows is refused with its path, and nothing is started', async () => {
  const unknown = { tenant: 'acme', budgetUSD: 1 };
  await expect(bed.client.startUnchecked('ask', ask, unknown)).rejects.toMatchObject({
    code: 'InvalidRequest',
    error: { path: 'options.budgetUSD' },
  });
  const schedule = { name: `wrong-${randomUUID()}`, pattern: 'ask', input: ask, cron: '@yearly', ...unknown };
  await expect(bed.client.schedules.create(schedule)).rejects.toMatchObject({
    code: 'InvalidRequest',
    error: { path: 'budgetUSD' },
  });
  await expect(bed.client.schedules.pause(schedule.name)).rejects.toMatchObject({ code: 'NotFound' });
});

test('schedules of others are neither found nor touched', async () => {
  const scheduleId = `payroll-${randomUUID()}`;
  const handle = await bed.temporal.schedule.create({
    scheduleId,
    spec: { cronExpressions: ['0 0 1 1 *'] },
    action: { type: 'startWorkflow', workflowType: 'payroll', taskQueue: 'payroll' },
  });
  for (const act of ['pause', 'resume', 'trigger', 'delete'] as const) {
    await expect(bed.client.schedules[act](scheduleId)).rejects.toMatchObject({ code: 'NotFound' });
  }
  const { state, info } = await handle.describe();
  expect([state.paused, info.numActionsTaken]).toEqual([false, 0]);
  await handle.delete();
});

test('a server that does not know the namespace, as while it starts, is one that cannot be reached yet', async () => {
  const { databaseUrl, env } = bed;
  const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  const namespace = 'not-yet';
  const early = await connect({ temporalAddress, databaseUrl, env, config, namespace, log: testLog().log });
  try {
    const refused = { code: 'NotReachable', error: { message: expect.stringContaining('"not-yet"') } };
    await expect(early.start('ask', ask)).rejects.toMatchObject(refused);
    await expect(early.result('ask-not-there')).rejects.toMatchObject(refused);
  } finally {
    await early.close();
  }
});
