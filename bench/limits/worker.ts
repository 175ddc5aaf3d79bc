import { parseConfig } from '../../src/config/index.ts';
import { startWorker } from '../../src/workers/index.ts';

/** One process of workers: runs patterns, and starts what its parent asks for. */
export interface Start {
  id: string;
  pattern: 'ask' | 'map';
  input: object;
  tenant?: string;
}

export interface Ended {
  id: string;
  /** ms from start to result */
  tookMs: number;
  error?: string;
}

const {
  BENCH_DATABASE_URL: databaseUrl,
  TEMPORAL_ADDRESS: temporalAddress,
  BENCH_CONFIG: config,
  CADENZA_TASK_QUEUE: taskQueue,
} = process.env;
const log = { debug() {}, info() {}, warn: console.error, error: console.error };
const worker = await startWorker({
  databaseUrl: databaseUrl!,
  temporalAddress,
  taskQueue,
  config: parseConfig(JSON.parse(config!)),
  log,
});

process.on('message', async ({ id, pattern, input, tenant }: Start) => {
  const begunAt = performance.now();
  const ended = (error?: string) =>
    process.connected && process.send!({ id, tookMs: performance.now() - begunAt, error } satisfies Ended);
  try {
    const run = await worker.client.startUnchecked(pattern, input, { id, tenant });
    await run.result();
    ended();
  } catch (thrown) {
    ended(String(thrown));
  }
});
process.on('disconnect', async () => {
  await worker.drain();
  process.exit(0);
});
process.send!('ready');
