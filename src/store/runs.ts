import { type Kysely, type Selectable, sql } from 'kysely';
import {
  BEGUN_HERE,
  directRunOf,
  isBegunHere,
  ListRuns,
  type ListSteps,
  type RunInfo,
  type RunPage,
  type Timeline,
  withoutUndefined,
} from '../contract/index.ts';
import type { Database } from './database.ts';
import { newestChain } from './event-followers.ts';
import { called } from './functions.ts';
import { timelinePage } from './timeline.ts';

export interface StoredRun extends RunInfo {
  chain: string;
}

/** A step of a run, and the run it is done by where that is one of its own. */
export interface StoredStep {
  step: string;
  run?: string;
}

export interface Runs {
  /** The newest run of a workflow id. */
  find(id: string): Promise<StoredRun | undefined>;
  /** The newest run of each id that has one, whoever's it is, in one statement. */
  findEach(ids: string[]): Promise<StoredRun[]>;
  chainOf(id: string): Promise<string | undefined>;
  /** Takes the id for a run that is to begin with this chain. @returns the chain of whoever has it now */
  claim(id: string, chain: string): Promise<string>;
  /** In the order they began. @param chain first-execution run id */
  steps(chain: string): Promise<StoredStep[]>;
  /** Steps whose calls have no answer, each with the model that was asked last. @param chain first-execution run id */
  unanswered(chain: string): Promise<{ step: string; model: string }[]>;
  /** Ids of runs that began in the process of their client before this moment, and have no end yet. */
  begunBefore(moment: Date): Promise<string[]>;
  /** Number of the newest event, 0 where there is none yet. @param chain first-execution run id */
  newestSeq(chain: string): Promise<number>;
  /** How many have not ended, by pattern. @param tenant whose; left out, all */
  open(tenant?: string): Promise<Record<string, number>>;
  /** Newest first; of an id used again only the newest run. @throws Error for a cursor that is not one of ours */
  list(query?: ListRuns): Promise<RunPage>;
  /** Steps and attempts, in pages of steps. @param chain first-execution run id */
  timeline(chain: string, query?: ListSteps): Promise<Timeline>;
}

/** at once: those that are there are few */
const LOOKED_AT = 1_000;

export function createRuns(db: Kysely<Database>): Runs {
  return {
    async find(id) {
      const row = await db
        .selectFrom('runs')
        .selectAll()
        .where('id', '=', id)
        .orderBy('started_at', 'desc')
        .orderBy('chain', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row && { ...runInfo(row), chain: row.chain };
    },
    async findEach(ids) {
      const rows = await db.selectFrom('runs as r').selectAll('r').where('r.id', 'in', ids).where(IS_NEWEST).execute();
      return rows.map((row) => ({ ...runInfo(row), chain: row.chain }));
    },
    chainOf: (id) => newestChain(db, id),
    async claim(id, chain) {
      const { rows } = await sql<{ chain: string }>`select ${called('claim_id')}(${id}, ${chain}) as chain`.execute(db);
      return rows[0]!.chain;
    },
    async steps(chain) {
      const rows = await db
        .selectFrom('events')
        .select(['step', sql<string | null>`data->>'run'`.as('run')])
        .where('chain', '=', chain)
        .where(sql<boolean>`type = 'step.started'`)
        .orderBy('seq')
        .execute();
      return rows.map(({ step, run }) => withoutUndefined({ step: step!, run: run ?? undefined }));
    },
    async unanswered(chain) {
      const { rows } = await sql<{ step: string; model: string }>`
        select step, (array_agg(model order by started_at desc, key))[1] as model from calls where chain = ${chain}
        group by step having not bool_or(state = 'finished') order by min(started_at), step`.execute(db);
      return rows;
    },
    async begunBefore(moment) {
      const rows = await db
        .selectFrom('runs')
        .select('id')
        .where('status', '=', 'running')
        .where('started_at', '<', moment)
        .where('chain', 'like', `${BEGUN_HERE}%`)
        .orderBy('started_at', 'desc')
        .limit(LOOKED_AT)
        .execute();
      return rows.map(({ id }) => id);
    },
    async newestSeq(chain) {
      const row = await db.selectFrom('runs').select('seq').where('chain', '=', chain).executeTakeFirst();
      return row?.seq ?? 0;
    },
    async open(tenant) {
      let select = db
        .selectFrom('runs')
        .select(['pattern', ({ fn }) => fn.countAll<string>().as('count')])
        .where('status', '=', 'running')
        .groupBy('pattern');
      if (tenant !== undefined) select = select.where('tenant', '=', tenant);
      return Object.fromEntries((await select.execute()).map(({ pattern, count }) => [pattern, Number(count)]));
    },
    list: (query) => list(db, ListRuns.parse(query ?? {})),
    timeline: (chain, query) => timelinePage(db, chain, query),
  };
}

/** Of the runs that had an id one after the other: whose `r` it is now. */
const IS_NEWEST = sql<boolean>`not exists (select from runs newer where newer.id = r.id
  and (newer.started_at, newer.chain) > (r.started_at, r.chain))`;

async function list(db: Kysely<Database>, query: ReturnType<typeof ListRuns.parse>): Promise<RunPage> {
  let select = db
    .selectFrom('runs as r')
    .selectAll('r')
    .where(IS_NEWEST)
    .orderBy('r.started_at', 'desc')
    .orderBy('r.chain', 'desc')
    .limit(query.limit + 1);
  if (query.pattern !== undefined) select = select.where('r.pattern', '=', query.pattern);
  if (query.status !== undefined) select = select.where('r.status', '=', query.status);
  if (query.tenant !== undefined) select = select.where('r.tenant', '=', query.tenant);
  if (query.model !== undefined) select = select.where(sql<boolean>`r.models @> array[${query.model}]::text[]`);
  if (query.text !== undefined) select = select.where(sql<boolean>`strpos(lower(r.id), lower(${query.text})) > 0`);
  if (query.since !== undefined) select = select.where('r.started_at', '>=', new Date(query.since));
  if (query.until !== undefined) select = select.where('r.started_at', '<', new Date(query.until));
  if (query.minCostUsd !== undefined) select = select.where('r.cost_usd', '>=', String(query.minCostUsd));
  if (query.cursor !== undefined) {
    const [startedAt, chain] = readCursor(query.cursor);
    select = select.where(sql<boolean>`(r.started_at, r.chain) < (${startedAt}::timestamptz, ${chain})`);
  }
  const rows = await select.execute();
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  return withoutUndefined({
    runs: page.map(runInfo),
    nextCursor: rows.length > page.length && last ? cursorOf(last) : undefined,
  });
}

function cursorOf({ started_at, chain }: { started_at: Date; chain: string }): string {
  return Buffer.from(JSON.stringify([started_at.toISOString(), chain])).toString('base64url');
}

/** True for what a page of the list of runs gives as its `nextCursor`. */
export function isRunCursor(cursor: string): boolean {
  try {
    readCursor(cursor);
    return true;
  } catch {
    return false;
  }
}

function readCursor(cursor: string): [string, string] {
  try {
    const [startedAt, chain] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (typeof chain === 'string') return [new Date(startedAt).toISOString(), chain];
  } catch {
    // told below
  }
  throw new Error('The cursor of this list is not one that a page of it gave. Begin without one.');
}

function runInfo(row: Selectable<Database['runs']>): RunInfo {
  return withoutUndefined({
    id: row.id,
    pattern: row.pattern,
    status: row.status,
    tenant: row.tenant ?? undefined,
    metadata: row.metadata ?? undefined,
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString(),
    promptHash: row.prompt_hash ?? undefined,
    models: row.models,
    costUsd: row.unpriced > 0 && row.unpriced === row.calls ? null : Number(row.cost_usd),
    error: row.error ?? undefined,
    activityRunId: isBegunHere(row.chain) ? '' : directRunOf(row.chain),
  });
}
