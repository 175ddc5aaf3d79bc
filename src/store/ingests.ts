import { type Kysely, sql } from 'kysely';
import {
  type CallError,
  type IngestProgress,
  type IngestResult,
  MOST_FAILURES_LISTED,
  withoutUndefined,
} from '../contract/index.ts';
import type { Database, DocumentKind } from './database.ts';
import type { Sealing } from './sealing.ts';
import { storableJson } from './storable-json.ts';

/** A document to be ingested. */
export interface IngestItem {
  source: string;
  kind: DocumentKind;
  /** of a text that stands in the input */
  content?: { text: string; type: string };
}

export type WaitingItem = IngestItem & {
  n: number;
  /** it was read, and is this document */
  staged?: number;
};

export interface OpenIngest {
  collection: number;
  chunkTokens: number;
  overlapTokens: number;
  /** as a prefix of sources; those that were listed whole */
  folders: string[];
}

export type StoredIngest = OpenIngest & { total: number };

/** How a document ended; `staged`: its id, with which it is seen from now on. */
export type ItemEnd = { staged: number } | 'skipped' | { error: CallError };

/** What ingests go over, by their chains, and what became of it. */
export interface Ingests {
  /** Keeps the list of an ingest, with what of it could not be reached; repeated, the first one stays. */
  open(chain: string, ingest: OpenIngest, items: (IngestItem & { error?: CallError })[]): Promise<StoredIngest>;
  find(chain: string): Promise<StoredIngest | undefined>;
  /** Documents, by their numbers, that have not ended. */
  waiting(chain: string, from: number, to: number): Promise<WaitingItem[]>;
  /** Notes that a document is read now. @returns how often it was before */
  begin(chain: string, n: number): Promise<number>;
  /** Notes what was read of a document: it is not read again. */
  markStaged(chain: string, n: number, document: number): Promise<void>;
  /** Ends a document, once: one that is staged takes the place of what its source was before, in the same transaction.
   *  @returns false if it had ended. @throws Error where another ingest took the staged one: it is to be read again */
  end(chain: string, n: number, end: ItemEnd): Promise<boolean>;
  /** Takes out the files of listed folders that are not in the list. */
  close(chain: string): Promise<IngestResult>;
  /** @returns how far the ingest is, and whether it is time to tell readers */
  progress(chain: string): Promise<{ progress: IngestProgress; report: boolean }>;
}

const ITEMS_A_STATEMENT = 2_000;

export function createIngests(db: Kysely<Database>, { fields, whole }: Sealing): Ingests {
  async function find(chain: string): Promise<StoredIngest | undefined> {
    const row = await db.selectFrom('ingests').selectAll().where('chain', '=', chain).executeTakeFirst();
    if (!row) return undefined;
    const { collection, chunk_tokens: chunkTokens, overlap_tokens: overlapTokens, folders, total } = row;
    return { collection, chunkTokens, overlapTokens, folders, total };
  }

  return {
    find,

    async open(chain, { collection, chunkTokens, overlapTokens, folders }, items) {
      await db.transaction().execute(async (trx) => {
        const made = await sql`
          insert into ingests (chain, collection, chunk_tokens, overlap_tokens, total, folders)
          values (${chain}, ${collection}, ${chunkTokens}, ${overlapTokens}, ${items.length}, ${folders}::text[])
          on conflict do nothing`.execute(trx);
        if (made.numAffectedRows === 0n) return;
        for (let from = 0; from < items.length; from += ITEMS_A_STATEMENT) {
          const some = items.slice(from, from + ITEMS_A_STATEMENT);
          await sql`
            insert into ingest_items (chain, n, source, kind, content, status, error)
            select ${chain}, ${from}::integer + g.n, g.source, g.kind, g.content::json,
              case when g.error is null then 'waiting' else 'failed' end, g.error::json
            from unnest(${some.map(({ source }) => source)}::text[], ${some.map(({ kind }) => kind)}::text[],
              ${some.map(({ content }) => (content ? storableJson(whole(content)) : null))}::text[],
              ${some.map(({ error }) => (error ? storableJson(fields(error)) : null))}::text[])
              with ordinality as g(source, kind, content, error, n)`.execute(trx);
        }
      });
      return (await find(chain))!;
    },

    async waiting(chain, from, to) {
      const rows = await db
        .selectFrom('ingest_items')
        .select(['n', 'source', 'kind', 'content', 'document'])
        .where('chain', '=', chain)
        .where('status', '=', 'waiting')
        .where('n', '>=', from)
        .where('n', '<=', to)
        .orderBy('n')
        .execute();
      return rows.map(({ content, document, ...row }) =>
        withoutUndefined({ ...row, content: content ?? undefined, staged: document ?? undefined }),
      );
    },

    async begin(chain, n) {
      const row = await db
        .updateTable('ingest_items')
        .set({ attempts: sql<number>`attempts + 1` })
        .where('chain', '=', chain)
        .where('n', '=', n)
        .returning('attempts')
        .executeTakeFirstOrThrow();
      return row.attempts - 1;
    },

    async markStaged(chain, n, document) {
      const item = db.updateTable('ingest_items').set({ document });
      await item.where('chain', '=', chain).where('n', '=', n).execute();
    },

    async end(chain, n, end) {
      const staged = typeof end === 'object' && 'staged' in end ? end.staged : undefined;
      const error = typeof end === 'object' && 'error' in end ? storableJson(fields(end.error)) : null;
      const status = staged !== undefined ? 'done' : error !== null ? 'failed' : 'skipped';
      const ended = await db.transaction().execute(async (trx) => {
        const { rows } = await sql<{ source: string; collection: number }>`
          select i.source, g.collection from ingest_items i join ingests g using (chain)
          where i.chain = ${chain} and i.n = ${n} and i.status = 'waiting' for update of i`.execute(trx);
        const [item] = rows;
        if (!item) return false;
        const isThere = staged === undefined || (await publish(trx, item, staged));
        const chunks = sql<number>`(select count(*) from chunks c where c.document = ${staged ?? null}::bigint)`;
        await trx
          .updateTable('ingest_items')
          .set(isThere ? { status, error, chunks, content: null } : { document: null })
          .where('chain', '=', chain)
          .where('n', '=', n)
          .execute();
        return isThere || item;
      });
      if (typeof ended === 'boolean') return ended;
      throw new Error(`Another ingest took ${ended.source}: it is read again`);
    },

    async close(chain) {
      await db.transaction().execute(async (trx) => {
        const { collection, folders, removed } = await trx
          .selectFrom('ingests')
          .select(['collection', 'folders', 'removed'])
          .where('chain', '=', chain)
          .forUpdate()
          .executeTakeFirstOrThrow();
        if (removed !== null) return;
        // Also what an ingest left that never came to its end.
        const gone = await sql<{ ready: boolean }>`
          delete from documents d where d.collection = ${collection} and d.kind = 'file'
            and exists (select from unnest(${folders}::text[]) as f(prefix) where starts_with(d.source, f.prefix))
            and not exists (select from ingest_items i where i.chain = ${chain} and i.source = d.source)
          returning d.ready`.execute(trx);
        const count = gone.rows.filter(({ ready }) => ready).length;
        if (count > 0) await bumpVersion(trx, collection);
        await trx.updateTable('ingests').set({ removed: count }).where('chain', '=', chain).execute();
      });
      const { rows } = await sql<Omit<IngestResult, 'failed'>>`
        select count(*) filter (where status = 'done') as documents, coalesce(sum(chunks), 0)::integer as chunks,
          count(*) filter (where status = 'skipped') as skipped,
          (select removed from ingests where chain = ${chain}) as removed
        from ingest_items where chain = ${chain}`.execute(db);
      const failed = await db
        .selectFrom('ingest_items')
        .select(['source', 'error'])
        .where('chain', '=', chain)
        .where('status', '=', 'failed')
        .orderBy('n')
        .limit(MOST_FAILURES_LISTED)
        .execute();
      return { ...rows[0]!, failed: failed.map(({ source, error }) => ({ source, error: error! })) };
    },

    async progress(chain) {
      const { rows } = await sql<IngestProgress & { report: boolean; costUsd: string | null }>`
        with reported as (
          update ingests set reported_at = clock_timestamp()
          where chain = ${chain} and reported_at < clock_timestamp() - interval '1 second' returning chain
        )
        select count(*) filter (where status = 'done') as done, count(*) filter (where status = 'skipped') as skipped,
          count(*) filter (where status = 'failed') as failed, count(*) as total,
          coalesce(sum(chunks), 0)::integer as chunks, (select count(*) from reported) > 0 as report,
          -- nothing was asked yet, or all of it has no price
          case when (select calls > 0 and unpriced = calls from runs where chain = ${chain}) then null
            else coalesce((select cost_usd from runs where chain = ${chain}), 0) end as "costUsd"
        from ingest_items where chain = ${chain}`.execute(db);
      const { report, costUsd, ...counts } = rows[0]!;
      return { progress: { ...counts, costUsd: costUsd === null ? null : Number(costUsd) }, report };
    },
  };
}

/** What the source was before goes, in the moment the new one is seen. @returns false where that is not there any more */
async function publish(
  trx: Kysely<Database>,
  { source, collection }: { source: string; collection: number },
  id: number,
): Promise<boolean> {
  const staged = await sql`select from documents where id = ${id} and not ready for update`.execute(trx);
  if (staged.rows.length === 0) return false;
  await trx
    .deleteFrom('documents')
    .where('collection', '=', collection)
    .where('source', '=', source)
    .where('ready', '=', true)
    .execute();
  await trx.updateTable('documents').set({ ready: true, at: new Date() }).where('id', '=', id).execute();
  await bumpVersion(trx, collection);
  return true;
}

async function bumpVersion(trx: Kysely<Database>, collection: number): Promise<void> {
  await trx
    .updateTable('collections')
    .set({ version: sql<number>`version + 1` })
    .where('id', '=', collection)
    .execute();
}
