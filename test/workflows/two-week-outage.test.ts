import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { parseConfig } from '../../src/config/index.ts';
import { cadenzaPlugin } from '../../src/workers/index.ts';
import { workflowModule } from '../../src/workers/workflow-bundle.ts';
import { type ChatPeer, chatPeer } from '../setup/chat-peer.ts';
import { skippedTime } from '../setup/skipped-time.ts';
import { testLog } from '../setup/test-log.ts';
import { type FreshStore, freshStore } from '../store/fresh-store.ts';

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'temporalio=error', forward: {} } },
});

const DAY = 86_400_000;
const taskQueue = `outage-${randomUUID()}`;
let time: TestWorkflowEnvironment;
let peer: ChatPeer;
let fresh: FreshStore;
let worker: Worker;
let running: Promise<void>;
let isOverAt = Number.POSITIVE_INFINITY;

beforeAll(async () => {
  time = await skippedTime();
  peer = await chatPeer(async () =>
    (await time.currentTimeMs()) < isOverAt ? { status: 429, retryAfter: '1', error: 'slow down' } : {},
  );
  fresh = await freshStore();
  await fresh.store.close();
  const config = parseConfig({ providers: { house: peer.provider } });
  const { log } = testLog();
  worker = await Worker.create({
    connection: time.nativeConnection,
    taskQueue,
    workflowsPath: workflowModule('index'),
    plugins: [await cadenzaPlugin({ databaseUrl: fresh.url, config, env: process.env, log })],
  });
  running = worker.run();
});
afterAll(async () => {
  worker.shutdown();
  await running;
  await fresh.drop();
  await peer.stop();
  await time.teardown();
  await Runtime.instance().shutdown();
});

test('an outage of two weeks is a wait: the step answers when it is over, in one history', async () => {
  const began = await time.currentTimeMs();
  isOverAt = began + 14 * DAY;
  const workflowId = `outage-${taskQueue}`;
  const policy = { candidates: ['house/m'], maxAttempts: 1, patience: '15 days' };
  const handle = await time.client.workflow.start('generate', {
    workflowId,
    taskQueue,
    args: [{ prompt: 'Still there?', policy }],
  });
  expect(await handle.result()).toMatchObject({ text: 'fine' });

  const { historyLength, closeTime } = await handle.describe();
  const tookDays = (closeTime!.getTime() - began) / DAY;
  expect(tookDays).toBeGreaterThanOrEqual(14);
  expect(tookDays).toBeLessThan(14.1);
  expect(historyLength).toBeLessThan(20_000);
  console.log(`14 days: ${peer.sent.length} requests, ${historyLength} events of history`);
}, 300_000);
