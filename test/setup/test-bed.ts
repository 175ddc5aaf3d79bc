import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { type Config, type ConfigInput, parseConfig } from '../../src/config/index.ts';
import type { RunEvent } from '../../src/contract/index.ts';
import { type RunningWorker, startWorker } from '../../src/workers/index.ts';
import { freshStore } from '../store/fresh-store.ts';
import { type MockProvider, mockProvider } from './mock-provider.ts';
import { testLog } from './test-log.ts';

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'temporalio=error', forward: {} } },
});

/** A worker of its own, on its own database and task queue, with a provider on this machine. */
export interface TestBed extends RunningWorker {
  provider: MockProvider;
  databaseUrl: string;
  taskQueue: string;
  env: NodeJS.ProcessEnv;
  config: Config;
  /** everything that was logged, as text */
  logged: string[];
  /** a Temporal client that knows nothing of Cadenza */
  temporal: Client;
  eventsOf(id: string): Promise<RunEvent[]>;
  close(): Promise<void>;
}

export interface TestBedOptions {
  provider?: MockProvider;
  config?: ConfigInput;
  env?: Record<string, string>;
  /** where the worker finds Temporal; the test's own client goes there directly */
  temporalAddress?: string;
}

export async function testBed(options: TestBedOptions = {}): Promise<TestBed> {
  const provider = options.provider ?? (await mockProvider());
  const { url: databaseUrl, drop, store } = await freshStore();
  await store.close();
  const env = { ...process.env, ...provider.env, ...options.env };
  const taskQueue = `test-${randomUUID()}`;
  const config = parseConfig(options.config ?? {});
  const { log, logged } = testLog();
  const address = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  const { temporalAddress = address } = options;
  const worker = await startWorker({ temporalAddress, namespace: 'default', databaseUrl, config, env, log, taskQueue });
  const connection = await Connection.connect({ address });
  return {
    ...worker,
    provider,
    databaseUrl,
    taskQueue,
    env,
    config,
    logged,
    temporal: new Client({ connection }),
    async eventsOf(id) {
      return Array.fromAsync(worker.client.events(id));
    },
    async close() {
      await worker.drain();
      await connection.close();
      await provider.stop();
      await drop();
      await Runtime.instance().shutdown();
    },
  };
}
