/**
 * Forty workers' worth of calls at a provider that enforces its limits: a map whose rows are asked 640 at once (forty times the sixteen of
 * one lane of a map), beside people who ask now and then, all by several worker processes. How often it refuses, how much of its limits is
 * used, in which order calls come, and how long people wait.
 *
 *   node bench/limits/run.ts [--minutes 5] [--window-ms 60000] [--requests 100] [--tokens 10000] [--processes 4] [--rows 5000] [--people-every-ms 4000]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { sql } from 'kysely';
import { findTemporalCli, startPostgres, startTemporal } from '../../src/local/index.ts';
import { openStore } from '../../src/store/index.ts';
import { spread, table } from '../first-token/statistics.ts';
import { displacements, enforcingProvider } from './enforcing-provider.ts';
import type { Ended, Start } from './worker.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    'window-ms': { type: 'string', default: '60000' },
    requests: { type: 'string', default: '100' },
    tokens: { type: 'string', default: '10000' },
    processes: { type: 'string', default: '4' },
    rows: { type: 'string', default: '5000' },
    'people-every-ms': { type: 'string', default: '4000' },
  },
});
const WINDOWS = Number(values.minutes);
const WINDOW_MS = Number(values['window-ms']);
const LIMITS = { requests: Number(values.requests), tokens: Number(values.tokens) };
/** Each map of its own: one asks at most 256 rows at once. */
const MAPS = 4;
const ROWS = Number(values.rows) / MAPS;
const IN_FLIGHT = 640 / MAPS;

/** 20 to 100 tokens and 0.2 to 1.5 s, by the text of the prompt. */
function answerTo(prompt: string): { outputTokens: number; takesMs: number } {
  let seed = 7;
  for (const character of prompt) seed = (seed * 31 + character.charCodeAt(0)) % 9_973;
  return { outputTokens: 20 + (seed % 81), takesMs: 200 + (seed % 1_300) };
}

const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-bench-'));
const provider = await enforcingProvider({ ...LIMITS, windowMs: WINDOW_MS }, answerTo);
const temporal = await startTemporal({
  cli: findTemporalCli(path.resolve('.cadenza')) ?? 'temporal',
  ...{ dbFile: path.join(home, 'temporal.db'), port: 0, uiPort: 0, namespace: 'default' },
  log: () => {},
});
const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log: () => {} });
const processes: ChildProcess[] = [];
const asked = new Map<string, number>();
const took = new Map<string, Ended>();

async function startProcess(): Promise<void> {
  const config = {
    providers: { house: { kind: 'openai-compatible', baseUrl: provider.url } },
    limits: { house: { ...LIMITS, window: WINDOW_MS } },
  };
  const child = fork(path.join(import.meta.dirname, 'worker.ts'), {
    env: {
      ...process.env,
      ...{ BENCH_CONFIG: JSON.stringify(config), BENCH_DATABASE_URL: postgres.url, CADENZA_HOME: home },
      ...{ TEMPORAL_ADDRESS: temporal.address, CADENZA_TASK_QUEUE: 'limits' },
    },
  });
  processes.push(child);
  await once(child, 'message');
  child.on('message', (ended: Ended) => took.set(ended.id, ended));
}

function start(nth: number, run: Start): void {
  asked.set(run.id, Date.now());
  processes[nth % processes.length]!.send(run);
}

const policy = { candidates: ['house/m'], cache: false };

try {
  await startProcess();
  for (let n = 1; n < Number(values.processes); n += 1) await startProcess();
  const begunAt = Date.now();
  for (let map = 0; map < MAPS; map += 1) {
    const items = Array.from({ length: ROWS }, (_, n) => ({ n: n + 1 }));
    const input = { prompt: `map ${map} row {{item.n}}`, policy };
    start(map, { id: `map-${map}`, pattern: 'map', input: { pattern: 'ask', items, concurrency: IN_FLIGHT, input } });
  }
  const until = begunAt + WINDOWS * WINDOW_MS;
  let people = 0;
  while (Date.now() < until) {
    await delay(Number(values['people-every-ms']));
    start(people, { id: `person-${people}`, pattern: 'ask', input: { prompt: `person ${people}`, policy } });
    people += 1;
  }
  const store = await openStore({ url: postgres.url, poolSize: 2 });
  const waiting = await store.limits.waiting();

  const { arrivals } = provider;
  const perWindow = Array.from({ length: WINDOWS }, (_, nth) => {
    const mine = arrivals.filter(({ at }) => Math.floor((at - begunAt) / WINDOW_MS) === nth);
    const answered = mine.filter(({ status }) => status === 200);
    const tokens = answered.reduce((sum, one) => sum + one.tokens, 0);
    return {
      minute: String(nth + 1),
      requests: String(answered.length),
      tokens: String(tokens),
      refused: String(mine.length - answered.length),
      'of people': String(answered.filter(({ prompt }) => prompt.startsWith('person')).length),
      used: `${Math.round(100 * Math.max(answered.length / LIMITS.requests, tokens / LIMITS.tokens))} %`,
    };
  });
  console.log(`\n${table(perWindow)}\n`);
  const arrivedAt = new Map(arrivals.map(({ prompt, at }) => [prompt, at]));
  const waits = Array.from(
    { length: people },
    (_, n) => (arrivedAt.get(`person ${n}`) ?? Number.NaN) - asked.get(`person-${n}`)!,
  );
  const known = waits.filter((ms) => !Number.isNaN(ms));
  const failed = [...took.values()].filter(({ error }) => error !== undefined);
  const { median, p90 } = spread(known);
  console.log(
    `people: ${people} asked, ${known.length} were asked of the provider, after ${Math.round(median)} ms (p50), ${Math.round(p90)} ms (p90)`,
  );
  console.log(
    `rows still waiting: ${waiting.map(({ priority, calls, longestMs }) => `${calls} ${priority}, ${Math.round(longestMs / 1_000)} s`).join('; ')}`,
  );
  // By when they came into the queue.
  const { rows } = await sql<{ prompt: string }>`
    select replace(r.id, 'map-', 'map ') || ' row ' || substr(c.step, 5) as prompt
    from calls c join runs r on r.chain = c.chain where c.step like 'row/%' order by c.started_at, c.key`.execute(
    store.db,
  );
  const place = new Map(rows.map(({ prompt }, n) => [prompt, n]));
  const places = arrivals.flatMap(({ prompt }) => place.get(prompt) ?? []);
  const out = displacements(places);
  const order = spread(out);
  console.log(
    `rows were asked behind ${order.median} (p50), ${order.p90} (p90), ${Math.max(...out)} (most) of ${places.length} that came after them`,
  );
  console.log(`runs that failed: ${failed.length}${failed.map(({ id, error }) => `\n  ${id}: ${error}`).join('')}`);

  const client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
  for (let map = 0; map < MAPS; map += 1) await client.workflow.getHandle(`map-${map}`).cancel();
  while ((await store.limits.waiting()).length > 0) await delay(200);
  const left = (await store.limits.use()).map(({ inFlight }) => inFlight);
  console.log(`after the maps were cancelled: nobody waits, ${left.join(', ')} in flight`);
  await client.connection.close();
  await store.close();
} finally {
  for (const child of processes) {
    const ended = once(child, 'exit');
    child.disconnect();
    await ended;
  }
  await temporal.stop();
  await postgres.stop();
  await provider.stop();
  await rm(home, { recursive: true, force: true });
}
