import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { parseConfig } from '../../src/config/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { cadenzaPlugin } from '../../src/workers/index.ts';
import type { Approval, ApprovalRequest } from '../../src/workflows/index.ts';
import { skippedTime } from '../setup/skipped-time.ts';
import { testBundle } from '../setup/test-bundle.ts';
import { testLog } from '../setup/test-log.ts';
import { freshStore } from '../store/fresh-store.ts';

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'temporalio=error', forward: {} } },
});

const taskQueue = `expiry-${randomUUID()}`;
let time: TestWorkflowEnvironment;
let worker: Worker;
let running: Promise<void>;
let store: Store;
let drop: () => Promise<void>;

beforeAll(async () => {
  time = await skippedTime();
  const fresh = await freshStore();
  await fresh.store.close();
  drop = fresh.drop;
  const { log } = testLog();
  store = await openStore({ url: fresh.url, log });
  worker = await Worker.create({
    connection: time.nativeConnection,
    taskQueue,
    workflowBundle: await testBundle(),
    plugins: [await cadenzaPlugin({ databaseUrl: fresh.url, config: parseConfig({}), env: process.env, log })],
  });
  running = worker.run();
});
afterAll(async () => {
  worker.shutdown();
  await running;
  await store.close();
  await drop();
  await time.teardown();
  await Runtime.instance().shutdown();
});

/** Runs one approval that nobody answers. */
async function unanswered(onExpiry: ApprovalRequest['onExpiry']) {
  const workflowId = `expiry-${onExpiry}-${taskQueue}`;
  const beganThere = await time.currentTimeMs();
  const handle = await time.client.workflow.start('approval', {
    workflowId,
    taskQueue,
    args: [{ step: 'sign-off', show: 'A draft', patience: '3 days', onExpiry }],
  });
  const outcome: { result?: Approval; error?: { cause?: { type?: string; message?: string } } } = await handle
    .result()
    .then(
      (result) => ({ result: result as Approval }),
      (error) => ({ error }),
    );
  // Days passed for the run.
  expect((await time.currentTimeMs()) - beganThere).toBeGreaterThanOrEqual(3 * 86_400_000);
  const chain = (await store.runs.chainOf(workflowId))!;
  const events = await store.events.read(chain, 0, 100);
  return { ...outcome, chain, types: events.map(({ type }) => type), events };
}

test('an approval that nobody answers for three days is rejected', async () => {
  const { result, types, events, chain } = await unanswered(undefined);
  expect(result).toEqual({ approved: false, at: expect.any(String), expired: true });
  expect(types).toEqual([
    'run.started',
    'step.started',
    'approval.requested',
    'approval.resolved',
    'step.completed',
    'run.completed',
  ]);
  expect(events[3]).toMatchObject({ approval: 'sign-off', approved: false, expired: true });
  const [requested] = await store.approvals.of(chain);
  expect(Date.parse(result!.at)).toBeGreaterThanOrEqual(Date.parse(requested!.expiresAt!));
});

test('where silence means yes, it is approved, and said to be by nobody', async () => {
  const { result, events } = await unanswered('approve');
  expect(result).toEqual({ approved: true, at: expect.any(String), expired: true });
  expect(events[3]).not.toHaveProperty('by');
});

test('where silence is a failure, the step fails with Timeout and says what was not answered', async () => {
  const { error, types } = await unanswered('fail');
  expect(error!.cause).toMatchObject({ type: 'Timeout', message: expect.stringContaining('"sign-off"') });
  expect(types).toEqual(['run.started', 'step.started', 'approval.requested', 'approval.resolved', 'run.failed']);
});

test('an answer in time wins over the timer, and a later one is refused', async () => {
  const workflowId = `in-time-${taskQueue}`;
  const handle = await time.client.workflow.start('approval', {
    workflowId,
    taskQueue,
    args: [{ step: 'sign-off', show: 'A draft', patience: '3 days', onExpiry: 'fail' }],
  });
  await time.sleep('2 days');
  await handle.executeUpdate('approve', { args: [{ approval: 'sign-off', approved: true, by: 'ann' }] });
  const result = (await handle.result()) as Approval;
  expect(result).toMatchObject({ approved: true, by: 'ann', expired: false });
  await expect(
    handle.executeUpdate('approve', { args: [{ approval: 'sign-off', approved: false, by: 'bob' }] }),
  ).rejects.toThrow();
});
