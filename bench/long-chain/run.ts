/**
 * A chain of 300 steps on each lane, in turn: what a step takes among the first 50 and among the last 50, on the clock and
 * of the processors (worker, Temporal and PostgreSQL together, which a busy machine disturbs less). What grows with the
 * length of a run (history, replay, what a step reads) shows as a ratio above 1.
 *
 *   node bench/long-chain/run.ts [--steps 300] [--rounds 3] [--lane standard,fast,direct] [--json]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { parseConfig } from '../../src/config/index.ts';
import { findTemporalCli, startPostgres, startTemporal } from '../../src/local/index.ts';
import { startWorker } from '../../src/workers/index.ts';
import { cpuMsOf } from '../first-token/processes.ts';
import { quantile, table } from '../first-token/statistics.ts';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '300' },
    rounds: { type: 'string', default: '3' },
    lane: { type: 'string', default: 'standard,fast,direct' },
    json: { type: 'boolean' },
  },
});
const STEPS = Number(values.steps);
const EDGE = Math.min(50, Math.floor(STEPS / 2));
const WARM_UP = 50;
const ROOT = path.resolve(import.meta.dirname, '../..');

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'temporalio=error', forward: {} } },
});
const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-bench-'));
const provider = fork(path.join(ROOT, 'bench/first-token/provider.ts'));
const [{ url }] = (await once(provider, 'message')) as [{ url: string }];
const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log: () => {} });
const temporal = await startTemporal({
  cli: findTemporalCli(path.join(ROOT, '.cadenza')) ?? 'temporal',
  dbFile: path.join(home, 'temporal.db'),
  port: 0,
  uiPort: 0,
  namespace: 'default',
  log: () => {},
});
const { client, drain } = await startWorker({
  databaseUrl: postgres.url,
  temporalAddress: temporal.address,
  namespace: 'default',
  taskQueue: 'long-chain',
  config: parseConfig({}),
  log: { debug() {}, info() {}, warn() {}, error: console.error },
  env: { ...process.env, CADENZA_HOME: path.join(ROOT, '.cadenza'), OPENAI_API_KEY: 'sk-bench', OPENAI_BASE_URL: url },
});

/** What the steps of one stretch of a chain took. */
interface Stretch {
  /** each from the end of the one before */
  ms: number[];
  /** of all processes, of all its steps */
  cpuMs: number;
}

interface Cost {
  ms: number;
  cpuMs: number;
}

/** @returns its first stretch and its last */
async function longChain(lane: string, count: number): Promise<{ first: Stretch; last: Stretch }> {
  const steps = Array.from({ length: count }, (_, nth) => ({
    id: `s${nth}`,
    prompt: nth === 0 ? 'Begin.' : `Go on from: {{steps.s${nth - 1}.text}}`,
  }));
  const policy = { candidates: ['openai/gpt-6-sol'], cache: false, lane };
  const edge = Math.min(EDGE, Math.floor(count / 2));
  const cpuMs = () => cpuMsOf([process.pid, temporal.pid, postgres.pid]);
  const cpuAt = new Map([[0, cpuMs()]]);
  const ms: number[] = [];
  let before = performance.now();
  const run = await client.startUnchecked('chain', { steps, policy });
  for await (const event of run.events()) {
    if (event.type === 'run.failed') throw new Error(event.error.message);
    if (event.type !== 'step.completed') continue;
    ms.push(performance.now() - before);
    if ([edge, count - edge, count].includes(ms.length)) cpuAt.set(ms.length, cpuMs());
    before = performance.now();
  }
  if (ms.length !== count) throw new Error(`${count} steps, and ${ms.length} completed`);
  const stretch = (from: number, to: number) => ({
    ms: ms.slice(from, to),
    cpuMs: cpuAt.get(to)! - cpuAt.get(from)!,
  });
  return { first: stretch(0, edge), last: stretch(count - edge, count) };
}

try {
  const lanes = values.lane.split(',').map((lane) => ({ lane, rounds: [] as Awaited<ReturnType<typeof longChain>>[] }));
  for (const { lane } of lanes) await longChain(lane, WARM_UP);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { lane, rounds } of lanes) rounds.push(await longChain(lane, STEPS));
  }
  const rows = lanes.map(({ lane, rounds }) => {
    const first = costOf(rounds.map(({ first }) => first));
    const last = costOf(rounds.map(({ last }) => last));
    return { lane, first, last, ratio: last.ms / first.ms, cpuRatio: last.cpuMs / first.cpuMs };
  });
  if (values.json) console.log(JSON.stringify({ steps: STEPS, rounds: Number(values.rounds), rows }));
  else console.log(`\n${table(rows.map(shown))}`);
} finally {
  await drain();
  await temporal.stop();
  await postgres.stop();
  provider.disconnect();
  await rm(home, { recursive: true, force: true });
}

/** What a step takes: on the clock the median; of processor time, which is counted in ticks of 10 ms, the mean. */
function costOf(stretches: Stretch[]): Cost {
  const ms = stretches.flatMap((stretch) => stretch.ms);
  return { ms: quantile(ms, 0.5), cpuMs: stretches.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / ms.length };
}

function shown({
  lane,
  first,
  last,
  ratio,
  cpuRatio,
}: Record<'first' | 'last', Cost> & { lane: string; ratio: number; cpuRatio: number }) {
  return {
    [`${STEPS} steps`]: `Cadenza, ${lane} lane`,
    [`first ${EDGE}, ms a step`]: first.ms.toFixed(1),
    [`last ${EDGE}`]: last.ms.toFixed(1),
    ratio: ratio.toFixed(2),
    [`first ${EDGE}, CPU ms a step`]: first.cpuMs.toFixed(1),
    [`last ${EDGE}, CPU`]: last.cpuMs.toFixed(1),
    'CPU ratio': cpuRatio.toFixed(2),
  };
}
