import { parseConfig } from '../../src/config/index.ts';
import { startWorker } from '../../src/workers/index.ts';
import { untilQuiet } from '../first-token/quiet.ts';

/** The worker of one checkout, and the client beside it. */
export interface Round {
  lane: string;
  runs: number;
  inFlight: number;
}

export interface Ran {
  /** each, from its start to its result */
  chainMs: number[];
  wholeMs: number;
  /** of this process, with what runs leave to do when they have ended */
  cpuMs: number;
}

const {
  BENCH_DATABASE_URL: databaseUrl,
  TEMPORAL_ADDRESS: temporalAddress,
  CADENZA_TASK_QUEUE: taskQueue,
} = process.env;
const log = { debug() {}, info() {}, warn() {}, error: console.error };
const worker = await startWorker({
  databaseUrl: databaseUrl!,
  temporalAddress,
  taskQueue,
  config: parseConfig({}),
  log,
});

async function chain(lane: string): Promise<number> {
  const policy = { candidates: ['openai/gpt-6-sol'], cache: false, lane };
  const steps = [
    { id: 'one', prompt: 'Why do rivers bend?' },
    { id: 'two', prompt: 'Shorter: {{steps.one.text}}' },
    { id: 'three', prompt: 'As a headline: {{steps.two.text}}' },
  ];
  const begunAt = performance.now();
  const run = await worker.client.start('chain', { policy, steps } as never);
  await run.result();
  return performance.now() - begunAt;
}

process.on('message', async ({ lane, runs, inFlight }: Round) => {
  const before = process.cpuUsage();
  const begunAt = performance.now();
  const chainMs: number[] = [];
  let left = runs;
  const one = async () => {
    while (left-- > 0) chainMs.push(await chain(lane));
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  const wholeMs = performance.now() - begunAt;
  await untilQuiet();
  const { user, system } = process.cpuUsage(before);
  process.send!({ chainMs, wholeMs, cpuMs: (user + system) / 1000 } satisfies Ran);
});
process.on('disconnect', async () => {
  await worker.drain();
  process.exit(0);
});
process.send!('ready');
