/**
 * A storm of replays: 100 chains of 300 steps, half of them on each lane of workflows, while workers are killed (-9)
 * at random moments and started again, every third with hardly any room for workflows in memory, so that it replays the whole
 * history at each task. A step's answer follows from the one before, so that a run's last answer tells its whole way.
 *
 * Counted as corrupted: a run that fails or ends with another answer; a workflow task that failed (nondeterminism is one);
 * a call asked again after it was finished; events that have a gap; a bill without each call once.
 *
 *   node bench/replay-storm/run.ts [--runs 100] [--steps 300] [--at-once 100] [--workers 2] [--every 10] [--json]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { type Cadenza, connect } from '../../src/client/index.ts';
import { parseConfig } from '../../src/config/index.ts';
import { findTemporalCli, startPostgres, startTemporal } from '../../src/local/index.ts';
import { table } from '../first-token/statistics.ts';
import { answerOf, stormProvider } from './provider.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100' },
    steps: { type: 'string', default: '300' },
    'at-once': { type: 'string', default: '100' },
    workers: { type: 'string', default: '2' },
    /** seconds between two kills, on average */
    every: { type: 'string', default: '10' },
    json: { type: 'boolean' },
  },
});
const RUNS = Number(values.runs);
const STEPS = Number(values.steps);
const EVERY_MS = Number(values.every) * 1_000;
/** A worker with little room, and one with room for all. */
const CACHED = [2, 200, 200];
const LANES = ['standard', 'fast'] as const;
const SENT_BEFORE_MS = 500;
const ROOT = path.resolve(import.meta.dirname, '../..');

const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-storm-'));
const provider = await stormProvider();
const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log: () => {} });
const temporal = await startTemporal({
  cli: findTemporalCli(path.join(ROOT, '.cadenza')) ?? 'temporal',
  dbFile: path.join(home, 'temporal.db'),
  port: 0,
  uiPort: 0,
  namespace: 'default',
  log: () => {},
});
const connection = await Connection.connect({ address: temporal.address });
const plain = new Client({ connection });
const env = {
  ...process.env,
  CADENZA_HOME: path.join(ROOT, '.cadenza'),
  CADENZA_DATABASE_URL: postgres.url,
  CADENZA_TASK_QUEUE: 'storm',
  TEMPORAL_ADDRESS: temporal.address,
  OPENAI_API_KEY: 'sk-storm',
  OPENAI_BASE_URL: provider.url,
};
const log = { debug() {}, info() {}, warn() {}, error: console.error };
const workers: ChildProcess[] = [];
const kills: number[] = [];
let started = 0;
let over = false;

async function startOne(): Promise<void> {
  const cached = CACHED[started++ % CACHED.length]!;
  const worker = fork(path.join(import.meta.dirname, 'worker.ts'), { env: { ...env, STORM_CACHED: String(cached) } });
  workers.push(worker);
  await Promise.race([once(worker, 'message'), once(worker, 'exit')]);
  if (worker.exitCode !== null) throw new Error('A worker did not start');
}

async function killOne(): Promise<void> {
  const [worker] = workers.splice(Math.floor(Math.random() * workers.length), 1);
  kills.push(Date.now());
  worker!.kill('SIGKILL');
  await once(worker!, 'exit');
}

async function storm(): Promise<void> {
  while (!over) {
    await delay(EVERY_MS * (0.5 + Math.random()));
    if (over) return;
    await killOne();
    await startOne();
  }
}

const promptAt = (run: number, step: number, before: string) => `run ${run}, step ${step}, after ${before}`;

function chainOf(run: number) {
  const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const, lane: LANES[run % LANES.length] };
  const steps = Array.from({ length: STEPS }, (_, nth) => ({
    id: `s${nth}`,
    prompt: promptAt(run, nth, nth === 0 ? 'nothing' : `{{steps.s${nth - 1}.text}}`),
  }));
  return { policy, steps, output: `{{steps.s${STEPS - 1}.text}}` };
}

/** The prompts of a run, and its answer at the end: known before. */
function courseOf(run: number): { prompts: string[]; output: string } {
  const prompts: string[] = [];
  let output = 'nothing';
  for (let step = 0; step < STEPS; step += 1) {
    prompts.push(promptAt(run, step, output));
    output = answerOf(prompts.at(-1)!);
  }
  return { prompts, output };
}

interface Looked {
  wrong: string[];
  repeated: number;
  timedOut: number;
  events: number;
}

async function look(client: Cadenza, run: number, id: string): Promise<Looked> {
  const { prompts, output } = courseOf(run);
  const wrong: string[] = [];
  const result = await client.result(id).catch((error: Error) => ({ output: `failed: ${error.message}` }));
  if ((result as { output: string }).output !== output) wrong.push(`${id}: ${JSON.stringify(result)}`.slice(0, 300));
  const events = await Array.fromAsync(client.events(id));
  if (events.some(({ seq }, nth) => seq !== nth + 1)) wrong.push(`${id}: a gap in its events`);
  const finishedAt = events.flatMap((event) => (event.type === 'call.completed' ? [Date.parse(event.at)] : []));
  if (finishedAt.length !== STEPS) wrong.push(`${id}: ${finishedAt.length} calls were finished`);
  const history = (await plain.workflow.getHandle(id).fetchHistory()).events!;
  // A worker that is too busy to answer within 10 s has lost its task, as one that was killed has; so has one that did not
  // say within 8 s that its call is alive.
  const lostAt = history.flatMap((event) => {
    const isLost =
      event.workflowTaskTimedOutEventAttributes ||
      event.activityTaskStartedEventAttributes?.lastFailure?.timeoutFailureInfo;
    return isLost ? [Number(event.eventTime!.seconds) * 1_000] : [];
  });
  let repeated = 0;
  for (const [step, prompt] of prompts.entries()) {
    const askedAt = provider.asked.get(prompt) ?? [];
    repeated += askedAt.length - 1;
    if (askedAt.length === 0) wrong.push(`${id}: step ${step} was never asked`);
    if (askedAt.some((at) => at > finishedAt[step]!)) wrong.push(`${id}: step ${step} was asked after it was finished`);
    // What was sent just before a kill is read by the provider, which lives in this process, just after it.
    const reasons = [...kills, ...lostAt].filter(
      (at) => at >= askedAt[0]! - SENT_BEFORE_MS && at <= finishedAt[step]!,
    ).length;
    if (askedAt.length > 1 + reasons) {
      const times = (all: number[]) => all.map((at) => at - askedAt[0]!).join(', ');
      const near = [...kills, ...lostAt].filter((at) => Math.abs(at - askedAt[0]!) < 60_000).sort((a, b) => a - b);
      wrong.push(
        `${id} (${LANES[run % LANES.length]}): step ${step} was asked at ${times(askedAt)} ms, finished at ${times([finishedAt[step]!])}; kills and lost tasks at ${times(near)}`,
      );
    }
  }
  const { calls } = await client.bill(id);
  const billed = calls.filter(({ estimated }) => !estimated).length;
  if (billed !== STEPS) wrong.push(`${id}: ${billed} finished calls on its bill`);
  for (const { workflowTaskFailedEventAttributes: failed } of history) {
    if (failed) wrong.push(`${id}: a workflow task failed: ${failed.failure?.message}`);
  }
  return { wrong, repeated, timedOut: lostAt.length, events: history.length };
}

let client: Cadenza | undefined;
try {
  const config = parseConfig({});
  client = await connect({ temporalAddress: temporal.address, databaseUrl: postgres.url, env, config, log });
  for (let nth = 0; nth < Number(values.workers); nth += 1) await startOne();
  const begunAt = performance.now();
  const ids = Array.from({ length: RUNS }, () => '');
  const storming = storm();
  const progress = setInterval(() => {
    console.error(
      `${new Date().toISOString()} ${provider.asked.size} of ${RUNS * STEPS} steps asked, ${kills.length} kills`,
    );
  }, 30_000);
  const left = ids.keys();
  const some = Array.from({ length: Number(values['at-once']) }, async () => {
    for (const run of left) {
      const { id, result } = await client!.start('chain', chainOf(run) as never);
      ids[run] = id;
      await result().catch(() => {});
    }
  });
  await Promise.all(some);
  over = true;
  clearInterval(progress);
  const seconds = (performance.now() - begunAt) / 1_000;
  await storming;
  const looked: Looked[] = [];
  for (const [run, id] of ids.entries()) looked.push(await look(client, run, id));
  const sum = (what: (one: Looked) => number) => looked.reduce((total, one) => total + what(one), 0);
  const wrong = looked.flatMap((one) => one.wrong);
  for (const line of wrong) console.error(line);
  const told = {
    runs: RUNS,
    steps: RUNS * STEPS,
    kills: kills.length,
    'requests repeated': sum(({ repeated }) => repeated),
    'tasks lost with a worker': sum(({ timedOut }) => timedOut),
    'events of histories': sum(({ events }) => events),
    seconds: Math.round(seconds),
    'corrupted runs': looked.filter((one) => one.wrong.length > 0).length,
  };
  console.log(
    values.json
      ? JSON.stringify(told)
      : `\n${table([Object.fromEntries(Object.entries(told).map(([name, count]) => [name, String(count)]))])}`,
  );
  process.exitCode = wrong.length === 0 ? 0 : 1;
} finally {
  over = true;
  for (const worker of workers) worker.kill('SIGKILL');
  await client?.close();
  await connection.close();
  await temporal.stop();
  await postgres.stop();
  provider.stop();
  await rm(home, { recursive: true, force: true });
}
