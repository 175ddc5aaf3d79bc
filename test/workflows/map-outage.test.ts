import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { parseConfig } from '../../src/config/index.ts';
import { openStore } from '../../src/store/index.ts';
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
const taskQueue = `map-outage-${randomUUID()}`;
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
    workflowsPath: workflowModule('patterns'),
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

function startMap(workflowId: string, names: string[], patience: string) {
  const policy = { candidates: ['house/m'], maxAttempts: 1, patience, cache: false };
  const items = names.map((name) => ({ name }));
  return time.client.workflow.start('map', {
    workflowId,
    taskQueue,
    args: [{ pattern: 'ask', items, policy, concurrency: 1, input: { prompt: 'Greet {{item.name}}' } }],
  });
}

test('a map waits out an outage of two weeks, and its histories stay far below what Temporal ends', async () => {
  const began = await time.currentTimeMs();
  isOverAt = began + 14 * DAY;
  const names = ['Ada', 'Bo', 'Cy', 'Di', 'Ed'];
  const id = `map-${taskQueue}`;
  const handle = await startMap(id, names, '15 days');
  expect(await handle.result()).toMatchObject({ done: names.length, failed: 0 });

  const tookDays = ((await handle.describe()).closeTime!.getTime() - began) / DAY;
  expect(tookDays).toBeGreaterThanOrEqual(14);
  expect(tookDays).toBeLessThan(14.5);
  for (const workflowId of [id, `${id}/rows-1`]) {
    expect((await time.client.workflow.getHandle(workflowId).describe()).historyLength).toBeLessThan(10_000);
  }
}, 300_000);

test('the patience of a row begins with its first request: rows that wait for their turn do not add theirs', async () => {
  isOverAt = Number.POSITIVE_INFINITY;
  const began = await time.currentTimeMs();
  // They come in slices of 4, 2, 1 and 1.
  const names = ['Fay', 'Gus', 'Hal', 'Ida', 'Jo', 'Kim', 'Lev', 'Mia'];
  const id = `impatient-${taskQueue}`;
  const handle = await startMap(id, names, '1 hour');
  expect(await handle.result()).toMatchObject({ done: 0, failed: names.length });
  const tookHours = ((await handle.describe()).closeTime!.getTime() - began) / 3_600_000;
  expect(tookHours).toBeGreaterThanOrEqual(4);
  expect(tookHours).toBeLessThan(5);

  const store = await openStore({ url: fresh.url });
  const { chain } = (await store.runs.find(id))!;
  const { items } = await store.maps.items(chain, {});
  expect(items.map(({ error }) => error?.type)).toEqual(names.map(() => 'RateLimited'));
  await store.close();
}, 300_000);
