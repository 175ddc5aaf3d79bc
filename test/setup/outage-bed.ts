import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { parseConfig } from '../../src/config/index.ts';
import { cadenzaPlugin } from '../../src/workers/index.ts';
import { workflowBundle } from '../../src/workers/workflow-bundle.ts';
import { freshStore } from '../store/fresh-store.ts';
import { type ChatPeer, chatPeer } from './chat-peer.ts';
import { skippedTime } from './skipped-time.ts';
import { testBundle } from './test-bundle.ts';
import { testLog } from './test-log.ts';

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'temporalio=error', forward: {} } },
});

/** A worker whose provider, `house`, limits every request while it is down, on a server that skips the time until something happens. */
export interface OutageBed {
  time: TestWorkflowEnvironment;
  peer: ChatPeer;
  taskQueue: string;
  databaseUrl: string;
  /** The provider is down from now on, for so long. @returns the time that is now, ms since 1970 */
  beginOutage(ms: number): Promise<number>;
  close(): Promise<void>;
}

export async function outageBed(workflows: 'steps' | 'patterns'): Promise<OutageBed> {
  let isOverAt = Number.POSITIVE_INFINITY;
  const taskQueue = `outage-${randomUUID()}`;
  const time = await skippedTime();
  const peer = await chatPeer(async () =>
    (await time.currentTimeMs()) < isOverAt ? { status: 429, retryAfter: '1', error: 'slow down' } : {},
  );
  const { store, url: databaseUrl, drop } = await freshStore();
  await store.close();
  // Circuits rest by the database's clock, which does not skip time.
  const config = parseConfig({ providers: { house: peer.provider }, circuits: { failures: 1_000_000 } });
  const { log } = testLog();
  const worker = await Worker.create({
    connection: time.nativeConnection,
    taskQueue,
    workflowBundle: workflows === 'steps' ? await testBundle() : await workflowBundle(path.resolve('.cadenza/bundles')),
    plugins: [await cadenzaPlugin({ databaseUrl, config, env: process.env, log })],
  });
  const running = worker.run();
  return {
    time,
    peer,
    taskQueue,
    databaseUrl,
    async beginOutage(ms) {
      const now = await time.currentTimeMs();
      isOverAt = now + ms;
      return now;
    },
    async close() {
      worker.shutdown();
      await running;
      await drop();
      await peer.stop();
      await time.teardown();
      await Runtime.instance().shutdown();
    },
  };
}
