/**
 * What 100,000 finished runs do to what people and workers wait for: the same questions to an empty database and to a
 * full one on the same PostgreSQL, in turns; then `prune` brings the full one down while calls go on beside it.
 *
 *   node bench/full-database/run.ts [--runs 100000] [--rounds 200] [--json]
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { startPostgres } from '../../src/local/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { fillDatabase } from '../../test/setup/fill-database.ts';
import { pairedRatio, spread, table } from '../first-token/statistics.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '200' },
    json: { type: 'boolean' },
  },
});
const [RUNS, ROUNDS] = [Number(values.runs), Number(values.rounds)];
const DAY_MS = 86_400_000;

const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-bench-'));
const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log: () => {} });
try {
  const [empty, full] = [await database('empty_one'), await database('full_one')];
  await fillDatabase(empty.url, { runs: 20, days: 1 });
  const filledAt = performance.now();
  await fillDatabase(full.url, { runs: RUNS, days: 100 });
  const fillSeconds = Math.round((performance.now() - filledAt) / 1_000);

  const questions: Record<string, (store: Store, runs: number) => Promise<unknown>> = {
    'runs, first page': (store) => store.runs.list({}),
    'runs of a tenant that failed': (store) => store.runs.list({ tenant: 't0', status: 'failed' }),
    'runs that are going on': (store) => store.runs.list({ status: 'running' }),
    'approvals that are waited for': (store) => store.approvals.pending(100),
    'runs that asked a model nobody has': (store) => store.runs.list({ model: 'openai/none' }),
    'runs with a text in their id, in one of them': (store, runs) =>
      store.runs.list({ text: `led-${runs < 100 ? 7 : 77_777}` }),
    'spending of 30 days, by day': (store) => store.ledger.spend({}),
    'spending of 30 days, by pattern': (store) => store.ledger.spend({ by: ['pattern'] }),
    'spending of a tenant, 30 days by day and model': (store) =>
      store.ledger.spend({ tenant: 't0', by: ['day', 'model'] }),
    'spending of all 100 days, by model': (store) =>
      store.ledger.spend({ from: new Date(Date.now() - 101 * DAY_MS).toISOString().slice(0, 10), by: ['model'] }),
    bill: (store, runs) => store.ledger.bill(chainOf(runs)),
    timeline: (store, runs) => store.runs.timeline(chainOf(runs)),
    'all events': (store, runs) => Array.fromAsync(store.events.follow(`filled-${between(runs)}`)),
    'begin and end of a call': (store) => oneCall(store),
    'a budget is set': (store) => store.ledger.setBudget(`tenant:${randomUUID()}`, 1),
  };
  const measured = [];
  for (const [name, ask] of Object.entries(questions)) {
    const times = { empty: [] as number[], full: [] as number[] };
    for (let round = -20; round < ROUNDS; round++) {
      for (const [place, { store }, runs] of [
        ['empty', empty, 20],
        ['full', full, RUNS],
      ] as const) {
        const startedAt = performance.now();
        await ask(store, runs);
        if (round >= 0) times[place].push(performance.now() - startedAt);
      }
    }
    const [before, after] = [spread(times.empty), spread(times.full)];
    measured.push({
      question: name,
      emptyMs: before.median,
      fullMs: after.median,
      ratio: pairedRatio(times.full, times.empty),
    });
  }

  const before = await full.store.retention.sizes();
  let calls = 0;
  const beside: number[] = [];
  const prunedAt = performance.now();
  let pruning = true;
  const pass = full.store.retention
    .prune({ deltas: 7 * DAY_MS, events: 30 * DAY_MS, calls: 50 * DAY_MS, runs: 80 * DAY_MS })
    .finally(() => {
      pruning = false;
    });
  while (pruning) {
    const startedAt = performance.now();
    await oneCall(full.store);
    beside.push(performance.now() - startedAt);
    calls += 1;
  }
  const rows = await pass;
  const pruneSeconds = Math.round((performance.now() - prunedAt) / 1_000);
  await inDatabase(full.url, 'vacuum (full, analyze)');
  const after = await full.store.retention.sizes();
  const tables = before.map(({ table: name, rows: count, bytes }) => ({
    table: name,
    rows: count,
    mb: bytes / 1e6,
    ...leftOf(after.find((size) => size.table === name)),
  }));
  const result = {
    runs: RUNS,
    fillSeconds,
    measured,
    pruneSeconds,
    pruned: rows,
    calls,
    besideMs: spread(beside),
    tables,
  };
  if (values.json) console.log(JSON.stringify(result));
  else print(result);
  await Promise.all([empty.store.close(), full.store.close()]);
} finally {
  await postgres.stop();
  await rm(home, { recursive: true, force: true });
}

async function database(name: string): Promise<{ url: string; store: Store }> {
  await inDatabase(postgres.url, `create database ${name}`);
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  return { url: url.href, store: await openStore({ url: url.href }) };
}

async function inDatabase(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

/** A run of its own with one call, from its beginning to its end. */
async function oneCall(store: Store): Promise<void> {
  const chain = randomUUID();
  const run = { id: chain, chain, pattern: 'ask', tenant: 't0', startedAt: new Date().toISOString() };
  const call = {
    key: createHash('sha256').update(chain).digest('hex'),
    run,
    step: 'answer',
    model: 'openai/gpt-6-sol',
  };
  await store.journal.begin({ ...call, worstCaseUsd: 0.01 });
  const usage = { inputTokens: 400, outputTokens: 80 };
  const reply = { text: 'Paris', model: call.model, usage, costUsd: 0.001, finishReason: 'stop' as const };
  await store.journal.end({ ...call, epoch: 1 }, { reply, completesStep: true });
}

function between(runs: number): number {
  return 1 + Math.floor(Math.random() * runs);
}

function chainOf(runs: number): string {
  return `00000000-0000-4000-8000-${String(between(runs)).padStart(12, '0')}`;
}

function leftOf(size: { rows: number; bytes: number } | undefined) {
  return { rowsLeft: size?.rows ?? 0, mbLeft: (size?.bytes ?? 0) / 1e6 };
}

type Result = {
  measured: { question: string; emptyMs: number; fullMs: number; ratio: number }[];
  tables: { table: string; rows: number; mb: number; rowsLeft: number; mbLeft: number }[];
} & {
  runs: number;
  fillSeconds: number;
  pruneSeconds: number;
  calls: number;
  besideMs: { median: number; p90: number };
};

function print({ runs, fillSeconds, measured, pruneSeconds, calls, besideMs, tables }: Result): void {
  const questions = measured.map(({ question, emptyMs, fullMs, ratio }) => ({
    question,
    'empty, ms': emptyMs.toFixed(2),
    'full, ms': fullMs.toFixed(2),
    ratio: ratio.toFixed(2),
  }));
  const sizes = tables.map(({ table: name, rows, mb, rowsLeft, mbLeft }) => ({
    table: name,
    rows: rows.toLocaleString('en'),
    MB: mb.toFixed(1),
    'rows left': rowsLeft.toLocaleString('en'),
    'MB left': mbLeft.toFixed(1),
  }));
  const beside = `${calls} calls beside it took ${besideMs.median.toFixed(1)} ms (p90 ${besideMs.p90.toFixed(1)})`;
  console.log(`${runs.toLocaleString('en')} finished runs, made in ${fillSeconds} s\n\n${table(questions)}\n`);
  console.log(`prune took ${pruneSeconds} s; ${beside}\n\n${table(sizes.filter(({ rows }) => rows !== '0'))}`);
}
