/**
 * Chains of three calls, many in flight: how many a second, how long one takes, and the processor time of all processes. Lanes take
 * turns; with `--against`, another checkout that has this bench does too, on the same servers.
 *
 *   node bench/throughput/run.ts [--lanes fast,standard] [--rounds 3] [--runs 300] [--in-flight 50] [--against <folder>] [--profile <folder>]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { findTemporalCli, startPostgres, startTemporal } from '../../src/local/index.ts';
import { spread, table } from '../first-token/statistics.ts';
import { usageBelow } from '../load/checkout.ts';
import type { Ran, Round } from './worker.ts';

const { values } = parseArgs({
  options: {
    lanes: { type: 'string', default: 'fast,standard' },
    rounds: { type: 'string', default: '3' },
    runs: { type: 'string', default: '300' },
    'in-flight': { type: 'string', default: '50' },
    against: { type: 'string' },
    profile: { type: 'string' },
  },
});
const RUNS = count(values.runs);
const IN_FLIGHT = count(values['in-flight']);
const ROUNDS = count(values.rounds);

function count(given: string): number {
  if (!/^[1-9]\d*$/.test(given)) throw new Error(`"${given}" is no number of runs or rounds: 1 or more`);
  return Number(given);
}

interface Contender {
  name: string;
  lane: string;
  worker: ChildProcess;
  seen: (Ran & { temporalMs: number; postgresMs: number })[];
}

const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-bench-'));
const provider = fork(path.join(import.meta.dirname, '../first-token/provider.ts'));
const [{ url }] = (await once(provider, 'message')) as [{ url: string }];
const cli = findTemporalCli(path.resolve('.cadenza')) ?? 'temporal';
const temporal = await startTemporal({
  ...{ cli, dbFile: path.join(home, 'temporal.db'), port: 0, uiPort: 0, namespace: 'default' },
  log: () => {},
});
const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log: () => {} });
const workers: ChildProcess[] = [];

async function startContender(name: string, folder: string): Promise<ChildProcess> {
  const execArgv = values.profile ? ['--cpu-prof', `--cpu-prof-dir=${path.resolve(values.profile, name)}`] : [];
  const worker = fork(path.join(folder, 'bench/throughput/worker.ts'), {
    cwd: folder,
    execArgv,
    env: {
      ...process.env,
      ...{ OPENAI_API_KEY: 'sk-bench', OPENAI_BASE_URL: url, CADENZA_HOME: path.join(home, name) },
      ...{ BENCH_DATABASE_URL: postgres.url, TEMPORAL_ADDRESS: temporal.address, CADENZA_TASK_QUEUE: name },
    },
  });
  workers.push(worker);
  await once(worker, 'message');
  return worker;
}

async function round({ worker, lane }: Contender, runs: number) {
  const before = await usageBelow(process.pid);
  worker.send({ lane, runs, inFlight: IN_FLIGHT } satisfies Round);
  const [ran] = (await once(worker, 'message')) as [Ran];
  const { Temporal, PostgreSQL } = await usageBelow(process.pid);
  const temporalMs = Temporal.cpuMs - before.Temporal.cpuMs;
  return { ...ran, temporalMs, postgresMs: PostgreSQL.cpuMs - before.PostgreSQL.cpuMs };
}

try {
  const checkouts = [
    ...(values.against ? [['before', path.resolve(values.against)] as const] : []),
    ['now', path.join(import.meta.dirname, '../..')] as const,
  ];
  const contenders: Contender[] = [];
  for (const [name, folder] of checkouts) {
    const worker = await startContender(name, folder);
    for (const lane of values.lanes.split(',')) contenders.push({ name, lane, worker, seen: [] });
  }
  for (const contender of contenders) await round(contender, 2 * IN_FLIGHT);
  for (let nth = 0; nth < ROUNDS; nth += 1)
    for (const contender of contenders) contender.seen.push(await round(contender, RUNS));
  const rows = contenders.map(({ name, lane, seen }) => {
    const median = (of: (one: (typeof seen)[number]) => number) => spread(seen.map(of)).median;
    const [node, server, database] = [
      median(({ cpuMs }) => cpuMs / RUNS),
      median(({ temporalMs }) => temporalMs / RUNS),
      median(({ postgresMs }) => postgresMs / RUNS),
    ];
    return {
      ...{ checkout: name, lane },
      'runs/s': median(({ wholeMs }) => (RUNS * 1000) / wholeMs).toFixed(1),
      'chain p50, ms': spread(seen.flatMap(({ chainMs }) => chainMs)).median.toFixed(0),
      'CPU ms a run: Node': node.toFixed(1),
      Temporal: server.toFixed(1),
      PostgreSQL: database.toFixed(1),
      all: (node + server + database).toFixed(1),
    };
  });
  console.log(`\n${table(rows)}`);
} finally {
  for (const worker of workers) {
    const ended = once(worker, 'exit');
    worker.disconnect();
    await ended;
  }
  await temporal.stop();
  await postgres.stop();
  provider.disconnect();
  await rm(home, { recursive: true, force: true });
}
