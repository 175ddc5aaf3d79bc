import { type Kysely, sql } from 'kysely';
import { type Lines, type ModelRef, type Span, withoutUndefined } from '../contract/index.ts';
import type { Database, DocumentKind } from './database.ts';
import type { Sealing } from './sealing.ts';

/** A piece of a document as it was cut. */
export interface NewChunk {
  text: string;
  heading?: string;
  page?: number;
  span: Span;
  lines: Lines;
  /** of what is embedded of it */
  hash: string;
}

export interface NewDocument {
  source: string;
  kind: DocumentKind;
  /** of its bytes, and of how they are cut */
  hash: string;
  title?: string;
  /** a text search configuration of PostgreSQL, such as `english` */
  language: string;
}

/** A text that waits for its vector; all chunks of the hash get it. */
export interface PendingText {
  hash: string;
  text: string;
  heading?: string;
  /** of the document */
  title?: string;
}

/** A collection as it is now. */
export interface StoredCollection {
  id: number;
  /** the model its vectors are of */
  embeddings: ModelRef;
  /** counts its changes */
  version: number;
}

/** What collections hold. A document is seen once all its chunks have vectors; until then what its source was before is. */
export interface Documents {
  /** The tenant's collection, made if it is not there. One without documents takes another model.
   *  @returns undefined where its vectors are of another model */
  open(tenant: string, name: string, embeddings: string): Promise<number | undefined>;
  find(tenant: string, name: string): Promise<StoredCollection | undefined>;
  /** The tenant's collections, by name. */
  names(tenant: string): Promise<string[]>;
  /** Whether the source is there already as it is now, by the hash of what is seen. */
  isThere(collection: number, source: string, hash: string): Promise<boolean>;
  /**
   * Keeps a document aside until it is embedded. Chunks take over the vectors of equal ones in the collection. The same
   * version given again, after a crash, is left as it is.
   * @returns its id
   */
  stage(collection: number, document: NewDocument, chunks: NewChunk[]): Promise<number>;
  /** The next texts of staged documents without a vector, each text once, in the order of the chunks. */
  pending(documents: number[], limit: number): Promise<PendingText[]>;
  /** Gives vectors to all chunks of the collection that have these texts and none yet. */
  putVectors(collection: number, vectors: { hash: string; vector: number[] }[]): Promise<void>;
}

/** An insert holds so many chunks. */
const CHUNKS_A_STATEMENT = 500;

export function createDocuments(db: Kysely<Database>, sealing: Sealing): Documents {
  return {
    async open(tenant, name, embeddings) {
      await sql`insert into collections (tenant, name, embeddings) values (${tenant}, ${name}, ${embeddings})
        on conflict (tenant, name) do update set embeddings = excluded.embeddings
        where not exists (select from documents d where d.collection = collections.id)`.execute(db);
      const row = await db
        .selectFrom('collections')
        .select(['id', 'embeddings'])
        .where('tenant', '=', tenant)
        .where('name', '=', name)
        .executeTakeFirstOrThrow();
      return row.embeddings === embeddings ? row.id : undefined;
    },

    find: (tenant, name) =>
      db
        .selectFrom('collections')
        .select(['id', 'embeddings', 'version'])
        .where('tenant', '=', tenant)
        .where('name', '=', name)
        .executeTakeFirst(),

    async names(tenant) {
      const rows = await db
        .selectFrom('collections')
        .select('name')
        .where('tenant', '=', tenant)
        .orderBy('name')
        .execute();
      return rows.map(({ name }) => name);
    },

    async isThere(collection, source, hash) {
      const row = await db
        .selectFrom('documents')
        .select('hash')
        .where('collection', '=', collection)
        .where('source', '=', source)
        .where('ready', '=', true)
        .executeTakeFirst();
      return row?.hash === sealing.keyed(hash);
    },

    stage: (collection, document, chunks) =>
      db.transaction().execute(async (trx) => {
        const { source, kind, language } = document;
        const hash = sealing.keyed(document.hash);
        const title = sealedText(document.title, sealing);
        // Whoever stages the same source waits here until the other has committed.
        const made = await sql<{ id: number }>`
          insert into documents (collection, source, kind, hash, title, language)
          values (${collection}, ${source}, ${kind}, ${hash}, ${title}, ${language})
          on conflict (collection, source) where not ready do nothing returning id`.execute(trx);
        let id = made.rows[0]?.id;
        if (id === undefined) {
          const before = await trx
            .selectFrom('documents')
            .select(['id', 'hash'])
            .where('collection', '=', collection)
            .where('source', '=', source)
            .where('ready', '=', false)
            .forUpdate()
            .executeTakeFirstOrThrow();
          id = before.id;
          if (before.hash === hash) return id;
          await trx.deleteFrom('chunks').where('document', '=', id).execute();
          const now = { hash, kind, title, language };
          await trx.updateTable('documents').set(now).where('id', '=', id).execute();
        }
        for (let from = 0; from < chunks.length; from += CHUNKS_A_STATEMENT) {
          await insertChunks(trx, collection, { ...document, id }, chunks, from, sealing);
        }
        return id;
      }),

    async pending(documents, limit) {
      if (documents.length === 0) return [];
      const { rows } = await sql<{ hash: string; text: string; heading: string | null; title: string | null }>`
        select c.hash, c.text, c.heading, d.title
        from (select min(id) as id from chunks where document = any (${documents}::bigint[]) and vector is null
          group by hash order by 1 limit ${limit}) as next
        join chunks c using (id) join documents d on d.id = c.document order by c.id`.execute(db);
      return rows.map(({ heading, title, ...row }) =>
        withoutUndefined({
          hash: row.hash,
          text: sealing.openText(row.text),
          heading: heading === null ? undefined : sealing.openText(heading),
          title: title === null ? undefined : sealing.openText(title),
        }),
      );
    },

    async putVectors(collection, vectors) {
      const texts = vectors.map(({ vector }) => `{${vector.join(',')}}`);
      await sql`
        update chunks c set vector = given.vector::real[]
        from unnest(${vectors.map(({ hash }) => hash)}::text[], ${texts}::text[]) as given(hash, vector)
        where c.collection = ${collection} and c.hash = given.hash and c.vector is null`.execute(db);
    },
  };
}

async function insertChunks(
  trx: Kysely<Database>,
  collection: number,
  { id, title, language }: NewDocument & { id: number },
  all: NewChunk[],
  from: number,
  sealing: Sealing,
): Promise<void> {
  const chunks = all.slice(from, from + CHUNKS_A_STATEMENT);
  // The words of a sealed text are not to be read off its index: it is found by its vector alone.
  const isIndexed = sealing.since === undefined;
  const column = <Value>(of: (chunk: NewChunk) => Value) => chunks.map(of);
  await sql`
    insert into chunks (collection, document, n, text, heading, page, span_start, span_end, line_from, line_to, hash,
      vector, search)
    select ${collection}, ${id}, ${from}::integer + g.n, g.text, g.heading, g.page, g.span_start, g.span_end, g.line_from,
      g.line_to, g.hash,
      (select k.vector from chunks k where k.collection = ${collection} and k.hash = g.hash and k.vector is not null limit 1),
      case when ${isIndexed} then
        setweight(to_tsvector(${language}::regconfig, concat_ws(' ', ${(isIndexed && title) || null}::text, g.heading)), 'B')
          || setweight(to_tsvector(${language}::regconfig, g.text), 'A')
        else ''::tsvector end
    from unnest(${column(({ text }) => sealing.text(text))}::text[],
      ${column(({ heading }) => sealedText(heading, sealing))}::text[],
      ${column(({ page }) => page ?? null)}::integer[], ${column(({ span }) => span.start)}::integer[],
      ${column(({ span }) => span.end)}::integer[], ${column(({ lines }) => lines.from)}::integer[],
      ${column(({ lines }) => lines.to)}::integer[], ${column(({ hash }) => sealing.keyed(hash))}::text[])
      with ordinality as g(text, heading, page, span_start, span_end, line_from, line_to, hash, n)`.execute(trx);
}

function sealedText(text: string | undefined, { text: sealed }: Sealing): string | null {
  return text === undefined ? null : sealed(text);
}
