import { createHash, randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { type DataSet, gatherFields, withoutUndefined } from '../contract/index.ts';
import type { Database } from './database.ts';
import type { Sealing } from './sealing.ts';
import { storableJson } from './storable-json.ts';

/** Rows that maps go over. */
export interface DataSets {
  /**
   * Keeps rows, which may be more than memory holds. Nothing is kept of rows that end in an error.
   * @param tenant whose they are @returns the data set; of equal rows of the tenant that are there already, theirs
   * @throws whatever `rows` throws, Error for no rows
   */
  put(rows: Iterable<unknown> | AsyncIterable<unknown>, tenant?: string): Promise<DataSet>;
  /** @param tenant whose; left out, anybody's */
  find(id: string, tenant?: string): Promise<DataSet | undefined>;
  /** True if both have the same rows. */
  isSame(id: string, other: string): Promise<boolean>;
}

/** One insert holds so many rows, or characters */
const BATCH_ROWS = 1_000;
const BATCH_CHARACTERS = 4_000_000;
const UNIQUE_VIOLATION = '23505';

export function createDataSets(db: Kysely<Database>, { whole, keyed }: Sealing): DataSets {
  async function insert(id: string, first: number, items: string[]): Promise<void> {
    await sql`
      insert into data_rows (data_set, row, item)
      select ${id}, ${first}::integer + n - 1, item::json
      from unnest(${items}::text[]) with ordinality as given(item, n)`.execute(db);
  }

  async function drop(id: string): Promise<void> {
    await db.deleteFrom('data_rows').where('data_set', '=', id).execute();
    await db.deleteFrom('data_sets').where('id', '=', id).execute();
  }

  async function find(id: string, tenant?: string): Promise<DataSet | undefined> {
    const query = db
      .selectFrom('data_sets')
      .select(['id', 'count', 'fields'])
      .where('id', '=', id)
      .where('count', 'is not', null);
    const row = await (tenant === undefined ? query : query.where(isOf(tenant))).executeTakeFirst();
    return row && withoutUndefined({ id, count: row.count!, fields: row.fields ?? undefined });
  }

  return {
    async put(rows, tenant = '') {
      const id = `data-${randomUUID()}`;
      await db.insertInto('data_sets').values({ id, tenant }).execute();
      try {
        const { hash, ...set } = await putRows(id, rows);
        const known = await named(id, hash, tenant, set);
        if (known === id) return withoutUndefined({ id, count: set.count, fields: set.fields });
        await drop(id);
        return (await find(known))!;
      } catch (error) {
        await drop(id);
        throw error;
      }
    },
    find,
    async isSame(id, other) {
      if (id === other) return true;
      const rows = await db.selectFrom('data_sets').select('hash').where('id', 'in', [id, other]).execute();
      return rows.length === 2 && rows[0]!.hash !== null && rows[0]!.hash === rows[1]!.hash;
    },
  };

  async function putRows(id: string, rows: Iterable<unknown> | AsyncIterable<unknown>) {
    const hash = createHash('sha256');
    let [count, characters] = [0, 0];
    let fields: string[] | undefined = [];
    let batch: string[] = [];
    for await (const item of rows) {
      const json = storableJson(item);
      hash.update(json).update('\n');
      fields = gatherFields(fields, item);
      batch.push(storableJson(whole(item)));
      characters += json.length;
      if (batch.length < BATCH_ROWS && characters < BATCH_CHARACTERS) continue;
      await insert(id, count + 1, batch);
      count += batch.length;
      [batch, characters] = [[], 0];
    }
    await insert(id, count + 1, batch);
    count += batch.length;
    if (count === 0) throw new Error('The data has no rows');
    return { count, fields, hash: keyed(hash.digest('hex')) };
  }

  /** Gives whole data its hash, unless equal data of the tenant has it. @returns the id of what has it */
  async function named(
    id: string,
    hash: string,
    tenant: string,
    set: { count: number; fields?: string[] },
  ): Promise<string> {
    try {
      await db
        .updateTable('data_sets')
        .set({ count: set.count, fields: set.fields ?? null, hash })
        .where('id', '=', id)
        .execute();
      return id;
    } catch (error) {
      if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
      // touched, so that it is not forgotten just now
      const known = db
        .updateTable('data_sets')
        .set({ created_at: new Date() })
        .where('hash', '=', hash)
        .where('tenant', '=', tenant)
        .returning('id');
      return (await known.executeTakeFirstOrThrow()).id;
    }
  }
}

/** True for data of the tenant. What a map gave is its run's, whatever a worker of an older version wrote beside it. */
function isOf(tenant: string) {
  return sql<boolean>`(data_sets.tenant = ${tenant} or exists (
    select from runs where runs.chain = data_sets.map and runs.tenant = ${tenant}))`;
}
