import { type Kysely, sql } from 'kysely';
import type { Passage } from '../contract/index.ts';
import type { Database } from './database.ts';
import type { Sealing } from './sealing.ts';

/** A collection in one of its states. */
export interface CollectionVersion {
  id: number;
  version: number;
}

/** Looks for passages. Both searches give ids of chunks, nearest first. */
export interface Passages {
  /**
   * By words, in the language of each document: those that hold any of the question's words, the rare ones weighing more.
   * Each word counts its inverse document frequency (Robertson and Spärck Jones's, as in BM25) times `ts_rank`, which
   * grows with how often the word is there, and levels off; chunks are about as long as each other.
   */
  byText(collection: CollectionVersion, query: string, limit: number): Promise<number[]>;
  /** By the cosine of vectors, exact: by pgvector where the database has it, else in this process. */
  byVector(collection: CollectionVersion, vector: number[], limit: number): Promise<number[]>;
  /** Passages in the order of the ids; one that has gone meanwhile is left out. */
  read(ids: number[]): Promise<Omit<Passage, 'score'>[]>;
}

/** Vectors a process keeps of collections it searched, so that a second question reads none: bytes in all. */
const KEPT_BYTES = 256 * 1024 * 1024;
const VECTORS_A_PAGE = 5_000;
/** PostgreSQL's binary array of one dimension: a header, then length and value of each number, 4 bytes each. */
const ARRAY_HEADER = 20;
const ARRAY_ITEM = 8;

interface KeptVectors {
  version: number;
  ids: number[];
  /** one after another, all of length 1 */
  values: Float32Array;
  dimensions: number;
}

export function createPassages(db: Kysely<Database>, { openText }: Sealing): Passages {
  const kept = new Map<number, KeptVectors>();
  let hasPgvector: Promise<boolean> | undefined;

  async function pgvector(): Promise<boolean> {
    const { rows } = await sql`select from pg_extension where extname = 'vector'`.execute(db);
    return rows.length > 0;
  }

  async function byPgvector({ id }: CollectionVersion, vector: number[], limit: number): Promise<number[]> {
    const { rows } = await sql<{ id: number }>`
      select c.id from chunks c join documents d on d.id = c.document and d.ready
      where c.collection = ${id} and c.vector is not null
      order by c.vector::vector <=> ${`[${vector.join(',')}]`}::vector, c.id limit ${limit}`.execute(db);
    return rows.map((row) => row.id);
  }

  async function vectorsOf({ id, version }: CollectionVersion): Promise<KeptVectors> {
    const found = kept.get(id);
    kept.delete(id);
    const vectors = found?.version === version ? found : await readVectors(db, id, version);
    if (vectors.values.byteLength <= KEPT_BYTES) kept.set(id, vectors);
    // The longest unused go first.
    let bytes = [...kept.values()].reduce((sum, { values }) => sum + values.byteLength, 0);
    for (const [old, { values }] of kept) {
      if (bytes <= KEPT_BYTES) break;
      kept.delete(old);
      bytes -= values.byteLength;
    }
    return vectors;
  }

  return {
    async byText({ id }, query, limit) {
      const { rows } = await sql<{ id: number }>`
        with languages as (
          select language, count(*) as documents from documents where collection = ${id} and ready group by language
        ), size as (
          select count(*)::float as n from chunks c join documents d on d.id = c.document and d.ready
          where c.collection = ${id}
        ), terms as (
          select l.language, ('''' || replace(replace(t.lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery as term
          from languages l cross join lateral unnest(to_tsvector(l.language::regconfig, ${query})) as t
        ), hits as (
          select c.id, ts_rank(c.search, t.term) as frequency,
            count(*) over (partition by t.term) as df
          from terms t
          join chunks c on c.search @@ t.term and c.collection = ${id}
          join documents d on d.id = c.document and d.ready and d.language = t.language
        )
        select h.id from hits h, size s group by h.id
        order by sum(h.frequency * ln(1 + (s.n - h.df + 0.5) / (h.df + 0.5))) desc, h.id limit ${limit}`.execute(db);
      return rows.map((row) => row.id);
    },

    async byVector(collection, vector, limit) {
      hasPgvector ??= pgvector();
      hasPgvector.catch(() => {
        hasPgvector = undefined;
      });
      if (await hasPgvector) return byPgvector(collection, vector, limit);
      return nearest(await vectorsOf(collection), vector, limit);
    },

    async read(ids) {
      if (ids.length === 0) return [];
      const rows = await db
        .selectFrom('chunks as c')
        .innerJoin('documents as d', 'd.id', 'c.document')
        .select(['c.id', 'd.source', 'c.text', 'c.heading', 'c.page'])
        .select(['c.span_start', 'c.span_end', 'c.line_from', 'c.line_to'])
        .where('c.id', '=', sql<number>`any (${ids}::bigint[])`)
        .where('d.ready', '=', true)
        .execute();
      const found = new Map(
        rows.map(({ page, heading, span_start: start, span_end: end, line_from: from, line_to: to, ...row }) => [
          row.id,
          {
            ...row,
            text: openText(row.text),
            ...(page === null ? {} : { page }),
            ...(heading === null ? {} : { heading: openText(heading) }),
            span: { start, end },
            lines: { from, to },
          },
        ]),
      );
      return ids.flatMap((id) => found.get(id) ?? []);
    },
  };
}

async function readVectors(db: Kysely<Database>, collection: number, version: number): Promise<KeptVectors> {
  const ids: number[] = [];
  const pages: Float32Array[] = [];
  let dimensions = 0;
  for (let after = 0; ; after = ids.at(-1)!) {
    const { rows } = await sql<{ id: number; vector: Buffer }>`
      select c.id, array_send(c.vector) as vector from chunks c join documents d on d.id = c.document and d.ready
      where c.collection = ${collection} and c.id > ${after} and c.vector is not null
      order by c.id limit ${VECTORS_A_PAGE}`.execute(db);
    if (rows.length > 0) dimensions = (rows[0]!.vector.length - ARRAY_HEADER) / ARRAY_ITEM;
    const page = new Float32Array(rows.length * dimensions);
    for (const [index, { vector }] of rows.entries()) {
      for (let at = 0; at < dimensions; at += 1) {
        page[index * dimensions + at] = vector.readFloatBE(ARRAY_HEADER + at * ARRAY_ITEM + 4);
      }
    }
    ids.push(...rows.map(({ id }) => id));
    pages.push(page);
    if (rows.length < VECTORS_A_PAGE) break;
  }
  const values = new Float32Array(ids.length * dimensions);
  let offset = 0;
  for (const page of pages) {
    values.set(page, offset);
    offset += page.length;
  }
  return { version, ids, values, dimensions };
}

function nearest({ ids, values, dimensions }: KeptVectors, vector: number[], limit: number): number[] {
  const query = Float32Array.from(vector);
  const scores = new Float32Array(ids.length);
  for (let index = 0; index < ids.length; index += 1) {
    let sum = 0;
    const offset = index * dimensions;
    for (let at = 0; at < dimensions; at += 1) sum += query[at]! * values[offset + at]!;
    scores[index] = sum;
  }
  return [...scores.keys()]
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, limit)
    .map((index) => ids[index]!);
}
