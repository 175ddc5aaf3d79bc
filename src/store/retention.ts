import { setTimeout as delay } from 'node:timers/promises';
import { Kysely, PostgresDialect, type RawBuilder, sql } from 'kysely';
import type { Log } from '../contract/index.ts';
import { kyselyPool, openConnections } from './connections.ts';
import type { Database } from './database.ts';
import { called } from './functions.ts';

/**
 * What is forgotten, and when: ms after a run's end, `Infinity` for never, each at least as long as the one before. A run
 * whose parent is still needed is kept as long as that one, and a run that is open loses nothing but `deltas`.
 */
export interface RetentionAges {
  /** text as it streamed becomes one event a call; also of calls of open runs that have their answer */
  deltas: number;
  /** events, but for the run's first and last */
  events: number;
  /** answers of calls, rows of maps, transcripts, and the blobs and messages no other run refers to */
  calls: number;
  /** the run and its bill */
  runs: number;
}

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

type Db = Kysely<Database>;
type Deletion = [what: string, table: string, where: RawBuilder<unknown>];
interface PrunedRun {
  chain: string;
  id: string;
}

/** Any number that other programs on the same database do not use. */
const ADVISORY_LOCK = 4_100_727_302;
/** a deletion takes so many rows at most, and a batch so many runs */
const ROWS = 5_000;
const RUNS = 100;
/** between two batches, so that others are not held up, ms */
const PAUSE_MS = 10;
/** for one statement: the text of a run of a million events is merged at once, ms */
const WITHIN_MS = 600_000;
/** A blob or message that was used a moment ago may be about to be referred to. */
const JUST_USED = sql`now() - interval '1 day'`;

const TEXTS = sql`('call.delta', 'call.reasoning')`;
const ENDS = sql`('run.started', 'run.completed', 'run.failed', 'run.cancelled')`;

/** The stages a run goes through after its end: `runs.pruned` says which it has behind it. */
const STAGES = ['deltas', 'events', 'calls', 'runs'] as const;

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

/** What goes of runs at a stage, and at those before. */
async function pruneRuns(db: Db, stage: (typeof STAGES)[number], runs: PrunedRun[]): Promise<[string, number][]> {
  if (stage === 'deltas') return [['deltas', await mergeText(db, runs, sql`now()`, false)]];
  const chains = sql`any (${chainsOf(runs)}::text[])`;
  const counts: [string, number][] = [
    ['events', await deleteRows(db, 'events', sql`chain = ${chains} and type not in ${ENDS}`)],
  ];
  const marked = sql`update events set data = data || '{"pruned": true}' where chain = ${chains} and type = 'run.started'`;
  if (stage !== 'runs') await marked.execute(db);
  if (stage === 'events') return counts;
  const accounts = runs.map(({ chain }) => `run:${chain}`);
  counts.push(
    ['calls', await deleteRows(db, 'calls', sql`chain = ${chains}`)],
    ['budgets of runs', await deleteRows(db, 'accounts', sql`id = any (${accounts}::text[])`)],
    ...(await pruneMaps(db, runs)),
    ...(await pruneMessages(db, runs)),
    ...(await pruneRefs(db, runs)),
  );
  if (stage === 'calls') return counts;
  counts.push(
    ['events', await deleteRows(db, 'events', sql`chain = ${chains}`)],
    ['bill lines', await deleteRows(db, 'ledger', sql`chain = ${chains}`)],
    ['runs', await deleteRows(db, 'runs', sql`chain = ${chains} and status <> 'running'`)],
  );
  return counts;
}

/** Rows of maps whose results no other map goes over. */
async function pruneMaps(db: Db, runs: PrunedRun[]): Promise<[string, number][]> {
  const maps = await db
    .selectFrom('maps as m')
    .select('m.chain')
    .where('m.chain', 'in', chainsOf(runs))
    .where(sql<boolean>`not exists (select from maps other where other.source = 'data-' || m.chain)`)
    .execute();
  const mine = sql`any (${chainsOf(maps)}::text[])`;
  return [
    ['rows of maps', await deleteRows(db, 'map_rows', sql`chain = ${mine}`)],
    ['data sets', await deleteRows(db, 'data_sets', sql`map = ${mine}`)],
    ['maps', await deleteRows(db, 'maps', sql`chain = ${mine}`)],
  ];
}

/** Transcripts of conversations, and the messages in no other. */
async function pruneMessages(db: Db, runs: PrunedRun[]): Promise<[string, number][]> {
  let [lines, messages] = [0, 0];
  for (const { chain } of runs) {
    // its own, and those it was continued under after a reset: chain~hash
    const mine = sql`id = ${chain} or id like ${`${chain.replace(/[\\%_]/g, '\\$&')}~%`}`;
    for (;;) {
      const { rows } = await sql<{ hash: string }>`
        delete from transcripts where ctid = any (array(select ctid from transcripts where ${mine} limit ${ROWS}))
        returning hash`.execute(db);
      lines += rows.length;
      messages += await deleteUnused(db, 'messages', rows);
      if (rows.length < ROWS) break;
    }
  }
  return [
    ['lines of transcripts', lines],
    ['messages', messages],
  ];
}

/** What the histories of runs refer to. A workflow id that was used again keeps it for the newer run. */
async function pruneRefs(db: Db, runs: PrunedRun[]): Promise<[string, number][]> {
  let [blobs, messages] = [0, 0];
  for (;;) {
    const { rows } = await sql<{ hash: string }>`
      delete from run_refs where ctid = any (array(
        select f.ctid from run_refs f
        where f.run = any (${runs.map(({ id }) => id)}::text[])
          and not exists (select from runs r where r.id = f.run and r.pruned < 3 and r.chain <> all (${chainsOf(runs)}::text[]))
        limit ${ROWS}))
      returning hash`.execute(db);
    blobs += await deleteUnused(db, 'blobs', rows);
    messages += await deleteUnused(db, 'messages', rows);
    if (rows.length < ROWS) break;
  }
  return [
    ['blobs', blobs],
    ['messages', messages],
  ];
}

/** Whoever refers to one anew has touched it, which this statement sees. */
async function deleteUnused(db: Db, table: 'blobs' | 'messages', given: { hash: string }[]): Promise<number> {
  if (given.length === 0) return 0;
  const result = await sql`
    delete from ${sql.table(table)} d
    where d.hash = any (${given.map(({ hash }) => hash)}::text[]) and d.used_at < ${JUST_USED}
      and not exists (select from run_refs f where f.hash = d.hash)
      and not exists (select from transcripts t where t.hash = d.hash)`.execute(db);
  return Number(result.numAffectedRows ?? 0);
}

async function mergeText(
  db: Db,
  runs: { chain: string }[],
  before: RawBuilder<unknown>,
  finishedOnly: boolean,
): Promise<number> {
  const { rows } = await sql<{ gone: number }>`
    select ${called('merge_text')}(${chainsOf(runs)}::text[], ${before}, ${finishedOnly}) as gone`.execute(db);
  return rows[0]!.gone;
}

/** What belongs to no run, or not any more. */
function leftovers({ calls }: RetentionAges): Deletion[] {
  const unfinished = sql`count is null and created_at < now() - interval '1 day'`;
  const unused = sql`map is null and created_at < ${ageStart(calls)}
    and not exists (select from maps where maps.source = data_sets.id)`;
  const uploads = calls === Number.POSITIVE_INFINITY ? unfinished : sql`(${unfinished} or ${unused})`;
  return [
    ['cached answers', 'cache', sql`expires_at < now()`],
    ['flights', 'flights', sql`lease_until < now() - interval '1 hour'`],
    ['writers', 'writers', sql`at < now() - interval '7 days'`],
    ['rows of data sets', 'data_rows', sql`data_set in (select id from data_sets where ${uploads})`],
    ['data sets', 'data_sets', uploads],
  ];
}

/** @returns how many, deleted in portions */
async function deleteRows(db: Db, table: string, where: RawBuilder<unknown>, signal?: AbortSignal): Promise<number> {
  let deleted = 0;
  while (!signal?.aborted) {
    const result = await sql`
      delete from ${sql.table(table)} where ctid = any (array(select ctid from ${sql.table(table)} where ${where}
        limit ${ROWS}))`.execute(db);
    const rows = Number(result.numAffectedRows ?? 0);
    deleted += rows;
    if (rows < ROWS) break;
  }
  return deleted;
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

function ageStart(ageMs: number): RawBuilder<unknown> {
  return sql`now() - make_interval(secs => ${ageMs / 1_000})`;
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
  await count('rows of maps', 'map_rows', 'calls');
  await count('bill lines', 'ledger', 'runs');
  await count('runs', 'runs', 'runs');
  for (const [what, table, where] of leftovers(ages)) {
    const { rows } = await sql<{ n: number }>`select count(*) as n from ${sql.table(table)} where ${where}`.execute(db);
    if (rows[0]!.n > 0) counts[what] = (counts[what] ?? 0) + rows[0]!.n;
  }
  return counts;
}

function chainsOf(runs: { chain: string }[]): string[] {
  return runs.map(({ chain }) => chain);
}
