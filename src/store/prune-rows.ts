import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Database } from './database.ts';
import { called } from './functions.ts';

/*
 * Which rows go with a run at each stage, and which belong to no run. The passes over the runs are in retention.ts.
 */

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
  /** lines of the audit log, since they were written (default: for ever) */
  audit?: number;
}

export type Db = Kysely<Database>;
type Deletion = [what: string, table: string, where: RawBuilder<unknown>];
export interface PrunedRun {
  chain: string;
  id: string;
}

/** The stages a run goes through after its end: `runs.pruned` says which it has behind it. */
export const STAGES = ['deltas', 'events', 'calls', 'runs'] as const;

/** a deletion takes so many rows at most */
const ROWS = 5_000;
/** A blob or message that was used a moment ago may be about to be referred to. */
const JUST_USED = sql`now() - interval '1 day'`;

export const TEXTS = sql`('call.delta', 'call.reasoning')`;
export const ENDS = sql`('run.started', 'run.completed', 'run.failed', 'run.cancelled')`;

/** What goes of runs at a stage, and at those before. */
export async function pruneRuns(
  db: Db,
  stage: (typeof STAGES)[number],
  runs: PrunedRun[],
): Promise<[string, number][]> {
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
    ['background answers', await deleteRows(db, 'background_answers', sql`chain = ${chains}`)],
    ['calls of batches', await deleteRows(db, 'batch_calls', sql`chain = ${chains}`)],
    ['tool calls', await deleteRows(db, 'tool_calls', sql`chain = ${chains}`)],
    ['files', await deleteRows(db, 'run_files', sql`chain = ${chains}`)],
    ['budgets of runs', await deleteRows(db, 'accounts', sql`id = any (${accounts}::text[])`)],
    ...(await pruneMaps(db, runs)),
    ['rows of ingests', await deleteRows(db, 'ingest_items', sql`chain = ${chains}`)],
    ['ingests', await deleteRows(db, 'ingests', sql`chain = ${chains}`)],
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

export async function mergeText(
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
export function leftovers({ calls, audit = Number.POSITIVE_INFINITY }: RetentionAges): Deletion[] {
  const unfinished = sql`count is null and created_at < now() - interval '1 day'`;
  const unused = sql`map is null and created_at < ${ageStart(calls)}
    and not exists (select from maps where maps.source = data_sets.id)`;
  const uploads = calls === Number.POSITIVE_INFINITY ? unfinished : sql`(${unfinished} or ${unused})`;
  return [
    ['cached answers', 'cache', sql`expires_at < now()`],
    ['batches', 'batches', sql`state = 'ended' and not exists (select from batch_calls c where c.batch = batches.id)`],
    ['prompts', 'prompts', sql`expires_at < now()`],
    ['flights', 'flights', sql`lease_until < now() - interval '1 hour'`],
    ['claims', 'claims', sql`at < now() - interval '1 day'`],
    ['writers', 'writers', sql`at < now() - interval '7 days'`],
    ...(audit === Number.POSITIVE_INFINITY
      ? []
      : ([['lines of the audit log', 'audit', sql`at < ${ageStart(audit)}`]] satisfies Deletion[])),
    ['rows of data sets', 'data_rows', sql`data_set in (select id from data_sets where ${uploads})`],
    ['data sets', 'data_sets', uploads],
  ];
}

/** @returns how many, deleted in portions */
export async function deleteRows(
  db: Db,
  table: string,
  where: RawBuilder<unknown>,
  signal?: AbortSignal,
): Promise<number> {
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

export function ageStart(ageMs: number): RawBuilder<unknown> {
  return sql`now() - make_interval(secs => ${ageMs / 1_000})`;
}

export function chainsOf(runs: { chain: string }[]): string[] {
  return runs.map(({ chain }) => chain);
}
