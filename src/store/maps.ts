import { type Kysely, type Selectable, sql } from 'kysely';
import {
  type CallError,
  type ItemPage,
  type ListItems,
  type MapDefinition,
  type MapItem,
  type MapProgress,
  type MapResult,
  type OpenedMap,
  type Turns,
  withoutUndefined,
} from '../contract/index.ts';
import type { DataSets } from './data-sets.ts';
import type { Database } from './database.ts';
import { called } from './functions.ts';
import { isOf, type MapRun, openMapRows, ROWS_A_STATEMENT } from './open-map-rows.ts';
import type { Sealing } from './sealing.ts';
import { storableJson } from './storable-json.ts';

/** What became of a row; `cost` is that of its own run, USD. */
export type MapRowEnd = { row: number; cost?: number } & ({ answer: unknown } | { error: CallError });

export interface StoredMap {
  definition: MapDefinition & { source: string };
  total: number;
}

/** The rows of maps: which wait, and what became of the others. A map is named by its chain. */
export interface Maps {
  /**
   * Gives every row its turn that an earlier map did not answer: the one named by `after`, else the last with the same
   * run id. Repeated, it changes nothing. Of a tenant's run both the data and the earlier map are the tenant's.
   * @returns undefined where the earlier map went over other data, or one of them is not there
   */
  open(run: MapRun, definition: StoredMap['definition']): Promise<OpenedMap | undefined>;
  find(chain: string): Promise<StoredMap | undefined>;
  /** The chain of the newest map of a run id. @param tenant whose; left out, anybody's */
  chainOf(run: string, tenant?: string): Promise<string | undefined>;
  /** Rows that wait, by their turns or their numbers, with what the data set says of them. */
  waiting(chain: string, rows: Turns | number[]): Promise<{ row: number; item: unknown }[]>;
  /** Keeps what became of rows, each once. @returns how far the map is, and whether it is time to report that to readers */
  end(chain: string, rows: MapRowEnd[]): Promise<{ progress: MapProgress; report: boolean }>;
  /** Gives the rows that still wait new turns. @returns how many */
  requeue(chain: string): Promise<number>;
  /** Makes a data set of the results. */
  close(chain: string): Promise<MapResult>;
  items(chain: string, query?: ListItems): Promise<ItemPage>;
}

export function createMaps(db: Kysely<Database>, dataSets: DataSets, sealing: Sealing): Maps {
  async function find(chain: string): Promise<StoredMap | undefined> {
    const row = await db
      .selectFrom('maps')
      .select(['definition', 'source', 'total'])
      .where('chain', '=', chain)
      .executeTakeFirst();
    return row && { definition: { ...row.definition, source: row.source }, total: row.total };
  }

  async function itemsOf(dataSet: string, rows: number[]): Promise<Map<number, unknown>> {
    const set = await db.selectFrom('data_sets').select('map').where('id', '=', dataSet).executeTakeFirst();
    if (set?.map) {
      const results = await mapItems(set.map, rows);
      return new Map(results.map((item) => [item.row, item]));
    }
    const found = await db
      .selectFrom('data_rows')
      .select(['row', 'item'])
      .where('data_set', '=', dataSet)
      .where('row', '=', anyOf(rows))
      .execute();
    return new Map(found.map(({ row, item }) => [row, item]));
  }

  /** What became of rows, in their order. */
  async function mapItems(chain: string, rows: number[]): Promise<MapItem[]> {
    const ended = await db
      .selectFrom('map_rows')
      .select(['row', 'status', 'answer', 'error'])
      .where('chain', '=', chain)
      .where('row', '=', anyOf(rows))
      .orderBy('row')
      .execute();
    return withInputs(chain, ended);
  }

  async function withInputs(chain: string, rows: EndedItem[]): Promise<MapItem[]> {
    const map = await find(chain);
    const numbers = rows.map(({ row }) => row);
    const inputs = map ? await itemsOf(map.definition.source, numbers) : new Map<number, unknown>();
    return rows.map(({ row, status, answer, error }) =>
      withoutUndefined({
        row,
        input: inputs.get(row),
        status,
        answer: status === 'done' ? answer : undefined,
        error: error ?? undefined,
      }),
    );
  }

  async function sumsAfter(chain: string, rows: MapRowEnd[]): Promise<Sums> {
    const sealed = rows.map((row) =>
      'error' in row ? { ...row, error: sealing.whole(row.error) } : { ...row, answer: sealing.whole(row.answer) },
    );
    const query = sql<{
      sums: Sums | null;
    }>`select ${called('end_map_rows')}(${chain}, ${storableJson(sealed)}::json) as sums`;
    const { sums } = (await query.execute(db)).rows[0]!;
    if (!sums) throw new Error(`No map ${chain} in the store: was the database restored from before it was opened?`);
    return sums;
  }

  return {
    find,
    open: (run, definition) => openMapRows(db, dataSets, run, definition, sealing),
    async chainOf(run, tenant) {
      const query = db.selectFrom('maps').select('chain').where('run', '=', run).orderBy('opened_at', 'desc').limit(1);
      const own = tenant === undefined ? query : query.where(isOf(tenant));
      return (await own.executeTakeFirst())?.chain;
    },
    async waiting(chain, wanted) {
      const map = await find(chain);
      if (!map) return [];
      let query = db
        .selectFrom('map_rows')
        .select('row')
        .where('chain', '=', chain)
        .where('status', '=', 'waiting')
        .orderBy('row');
      query = Array.isArray(wanted)
        ? query.where('row', '=', anyOf(wanted))
        : query.where('turn', '>=', wanted.from).where('turn', '<=', wanted.to);
      const rows = (await query.execute()).map(({ row }) => row);
      const items = await itemsOf(map.definition.source, rows);
      return rows.map((row) => ({ row, item: items.get(row) }));
    },
    async end(chain, rows) {
      const sums = await sumsAfter(chain, rows);
      return { progress: progressOf(sums), report: sums.report };
    },
    async requeue(chain) {
      let [turns, after] = [0, 0];
      for (;;) {
        const { rows } = await sql<{ n: number; last: number | null }>`
          with waiting as (
            select row, row_number() over (order by row) as turn from map_rows
            where chain = ${chain} and status = 'waiting' and row > ${after} order by row limit ${ROWS_A_STATEMENT}
          ), queued as (
            update map_rows m set turn = ${turns}::integer + w.turn from waiting w
            where m.chain = ${chain} and m.row = w.row returning m.row
          )
          select count(*) as n, max(row) as last from queued`.execute(db);
        const { n, last } = rows[0]!;
        if (last === null) return turns;
        turns += n;
        after = last;
      }
    },
    async close(chain) {
      const { done, failed, total } = await sumsAfter(chain, []);
      const output = `data-${chain}`;
      const fields = ['row', 'input', 'status', 'answer', 'error'];
      await db
        .insertInto('data_sets')
        .values({
          ...{ id: output, count: total, fields, map: chain },
          tenant: sql<string>`coalesce((select tenant from runs where chain = ${chain}), '')`,
        })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute();
      return { done, failed, output };
    },
    async items(chain, { status, after = 0, limit = 100 } = {}) {
      let query = db
        .selectFrom('map_rows')
        .select(['row', 'status', 'answer', 'error'])
        .where('chain', '=', chain)
        .where('row', '>', Number(after))
        .orderBy('row')
        .limit(Number(limit) + 1);
      if (status !== undefined) query = query.where('status', '=', status);
      const rows = await query.execute();
      const page = rows.slice(0, Number(limit));
      return withoutUndefined({
        items: await withInputs(chain, page),
        nextAfter: rows.length > page.length ? page.at(-1)!.row : undefined,
      });
    },
  };
}

type EndedItem = Pick<Selectable<Database['map_rows']>, 'row' | 'status' | 'answer'> & { error: CallError | null };

function anyOf(rows: number[]) {
  return sql<number>`any (${rows}::integer[])`;
}

/** As `end_map_rows` gives them (functions/end-map-rows.sql). */
interface Sums {
  done: number;
  failed: number;
  total: number;
  /** of the done, those an earlier map answered */
  taken: number;
  cost: number | null;
  /** since the map was opened */
  seconds: number;
  /** more than a second after the last report */
  report: boolean;
}

/** How far a map is; the rows that are left are taken to be like those before them. */
function progressOf({ done, failed, total, taken, cost, seconds }: Sums): MapProgress {
  const worked = done - taken + failed;
  const perRow = worked === 0 ? 0 : (total - done - failed) / worked;
  return {
    done,
    failed,
    total,
    costUsd: cost,
    secondsLeft: worked === 0 ? null : Math.round(seconds * perRow),
    usdLeft: worked === 0 || cost === null ? null : Number((cost * perRow).toFixed(9)),
  };
}
