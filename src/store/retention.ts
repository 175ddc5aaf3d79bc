import { setTimeout as delay } from 'node:timers/promises';
import { Kysely, PostgresDialect, type RawBuilder, sql } from 'kysely';
import type { Log } from '../contract/index.ts';
import { kyselyPool, openConnections } from './connections.ts';
import type { Database } from './database.ts';
import {
  ageStart,
  chainsOf,
  type Db,
  deleteRows,
  ENDS,
  leftovers,
  mergeText,
  type PrunedRun,
  pruneRuns,
  type RetentionAges,
  STAGES,
  TEXTS,
} from './prune-rows.ts';

/** Rows that went, or would go, by what they are. */
export type PrunedRows = Record<string, number>;

export interface TableSize {
  table: string;
  /** as the database estimates them */
  rows: number;
  /** with indexes; what rows leave behind is used again, and not given back */
  bytes: number;
}

export interface Retention {
  /**
   * Forgets what is old enough, a few rows at a time. Repeatable: what was interrupted is done by the next pass.
   * @returns undefined if another process is at it
   */
  prune(ages: RetentionAges, signal?: AbortSignal): Promise<PrunedRows | undefined>;
  /** What `prune` would take away now. */
  preview(ages: RetentionAges): Promise<PrunedRows>;
  sizes(): Promise<TableSize[]>;
}

/** Any number that other programs on the same database do not use. */
const ADVISORY_LOCK = 4_100_727_302;
/** a batch takes so many runs */
const RUNS = 100;
/** between two batches, so that others are not held up, ms */
const PAUSE_MS = 10;
/** for one statement: the text of a run of a million events is merged at once, ms */
const WITHIN_MS = 600_000;
export function createRetention(shared: Db, url: string, log: Log): Retention {
  return {
    async prune(ages, signal) {
      // One connection: the lock is that of its session, and ends with it.
      const connections = openConnections(url, 1, log, WITHIN_MS);
      const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: kyselyPool(connections) }) });
      try {
        const { rows } = await sql<{ mine: boolean }>`select pg_try_advisory_lock(${ADVISORY_LOCK}) as mine`.execute(
          db,
        );
        return rows[0]!.mine ? await pruneAll(db, ages, signal) : undefined;
      } finally {
        await db.destroy();
      }
    },
    preview: (ages) => preview(shared, ages),
    async sizes() {
      const { rows } = await sql<TableSize>`
        select relname as table, n_live_tup::bigint as rows, pg_total_relation_size(relid)::bigint as bytes
        from pg_stat_user_tables order by bytes desc, relname`.execute(shared);
      return rows;
    },
  };
}

async function pruneAll(db: Db, ages: RetentionAges, signal?: AbortSignal): Promise<PrunedRows> {
  const pruned: PrunedRows = {};
  const count = (what: string, rows: number) => {
    if (rows > 0) pruned[what] = (pruned[what] ?? 0) + rows;
  };
  // the last stage first: what goes altogether need not go through those before
  for (const [index, stage] of [...STAGES.entries()].toReversed()) {
    for (let behind = 0; behind <= index; behind++) {
      for await (const runs of endedRuns(db, behind, ages[stage], signal)) {
        for (const [what, rows] of await pruneRuns(db, stage, runs)) count(what, rows);
        await markPruned(db, runs, index + 1);
      }
    }
  }
  for await (const runs of openRuns(db, ages.deltas, signal))
    count('deltas', await mergeText(db, runs, ageStart(ages.deltas), true));
  for (const [what, table, where] of leftovers(ages)) count(what, await deleteRows(db, table, where, signal));
  return pruned;
}

/** Ended runs that have `pruned` stages behind them and are old enough for the next, in portions, oldest first. */
async function* endedRuns(db: Db, pruned: number, ageMs: number, signal?: AbortSignal): AsyncGenerator<PrunedRun[]> {
  if (ageMs === Number.POSITIVE_INFINITY) return;
  let after = { at: new Date(0), chain: '' };
  while (!signal?.aborted) {
    const { rows } = await sql<PrunedRun & { at: Date; free: boolean }>`
      select r.chain, r.id, r.ended_at as at, ${isFree(ageMs)} as free
      from runs r
      where r.status <> 'running' and r.pruned = ${pruned} and r.ended_at < ${ageStart(ageMs)}
        and (r.ended_at, r.chain) > (${after.at}, ${after.chain})
      order by r.ended_at, r.chain limit ${RUNS}`.execute(db);
    const free = rows.filter((run) => run.free);
    if (free.length > 0) yield free;
    if (rows.length < RUNS) return;
    after = rows.at(-1)!;
    await delay(PAUSE_MS);
  }
}

/** Runs that are open for longer than the age, in portions. */
async function* openRuns(db: Db, ageMs: number, signal?: AbortSignal): AsyncGenerator<{ chain: string }[]> {
  if (ageMs === Number.POSITIVE_INFINITY) return;
  let after = { started_at: new Date(0), chain: '' };
  while (!signal?.aborted) {
    const { rows } = await sql<typeof after>`
      select chain, started_at from runs
      where status = 'running' and started_at < ${ageStart(ageMs)}
        and (started_at, chain) > (${after.started_at}, ${after.chain})
      order by started_at, chain limit ${RUNS}`.execute(db);
    if (rows.length > 0) yield rows;
    if (rows.length < RUNS) return;
    after = rows.at(-1)!;
    await delay(PAUSE_MS);
  }
}

/** True unless a run it is a step of is open, or could still be reset. */
function isFree(ageMs: number): RawBuilder<boolean> {
  return sql<boolean>`not exists (select from runs a
    where a.chain = any (r.above) and (a.status = 'running' or a.ended_at >= ${ageStart(ageMs)}))`;
}

async function markPruned(db: Db, runs: PrunedRun[], pruned: number): Promise<void> {
  await db
    .updateTable('runs')
    .set({ pruned })
    .where('chain', 'in', chainsOf(runs))
    .where('status', '<>', 'running')
    .execute();
}

async function preview(db: Db, ages: RetentionAges): Promise<PrunedRows> {
  const counts: PrunedRows = {};
  const count = async (what: string, table: string, stage: (typeof STAGES)[number], and = sql`true`) => {
    if (ages[stage] === Number.POSITIVE_INFINITY) return;
    const { rows } = await sql<{ n: number }>`
      select count(*) as n from runs r join ${sql.table(table)} t on t.chain = r.chain
      where r.status <> 'running' and r.pruned <= ${STAGES.indexOf(stage)} and r.ended_at < ${ageStart(ages[stage])}
        and ${isFree(ages[stage])} and ${and}`.execute(db);
    if (rows[0]!.n > 0) counts[what] = rows[0]!.n;
  };
  const later = ages.events === Number.POSITIVE_INFINITY ? sql`true` : sql`r.ended_at >= ${ageStart(ages.events)}`;
  await count('deltas', 'events', 'deltas', sql`t.type in ${TEXTS} and r.pruned = 0 and ${later}`);
  await count('events', 'events', 'events', sql`t.type not in ${ENDS}`);
  await count('calls', 'calls', 'calls');
  await count('calls of batches', 'batch_calls', 'calls');
  await count('tool calls', 'tool_calls', 'calls');
  await count('files', 'run_files', 'calls');
  await count('rows of maps', 'map_rows', 'calls');
  await count('bill lines', 'ledger', 'runs');
  await count('runs', 'runs', 'runs');
  for (const [what, table, where] of leftovers(ages)) {
    const { rows } = await sql<{ n: number }>`select count(*) as n from ${sql.table(table)} where ${where}`.execute(db);
    if (rows[0]!.n > 0) counts[what] = (counts[what] ?? 0) + rows[0]!.n;
  }
  return counts;
}
