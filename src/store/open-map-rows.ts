import { type Kysely, sql, type Transaction } from 'kysely';
import { type MapDefinition, type OpenedMap, ownName } from '../contract/index.ts';
import type { DataSets } from './data-sets.ts';
import type { Database } from './database.ts';
import type { Sealing } from './sealing.ts';
import { storableJson } from './storable-json.ts';

/** of a map, so that each statement stays well within the time it has */
export const ROWS_A_STATEMENT = 20_000;

/** The run that a map is. */
export interface MapRun {
  id: string;
  chain: string;
  tenant?: string;
}

/** See `Maps.open`. The rows of a map are there whole or not at all. */
export async function openMapRows(
  db: Kysely<Database>,
  dataSets: DataSets,
  run: MapRun,
  definition: MapDefinition & { source: string },
  { whole }: Sealing,
): Promise<OpenedMap | undefined> {
  const there = await opened(db, run.chain);
  if (there) return there;
  const set = await dataSets.find(definition.source, run.tenant);
  const earlier = await earlierMap(db, run, definition.after);
  if (!set || (definition.after !== undefined && !earlier)) return undefined;
  if (earlier && !(await dataSets.isSame(earlier.source, definition.source))) return undefined;

  await db.transaction().execute(async (trx) => {
    const { source } = definition;
    const row = {
      chain: run.chain,
      run: run.id,
      source,
      definition: storableJson(whole(definition)),
      total: set.count,
    };
    const made = await trx
      .insertInto('maps')
      .values({ ...row, taken: 0, done: 0 })
      .onConflict((conflict) => conflict.column('chain').doNothing())
      .returning('chain')
      .executeTakeFirst();
    if (made) await addRows(trx, run.chain, set.count, earlier?.chain);
  });
  return opened(db, run.chain);
}

async function addRows(trx: Transaction<Database>, chain: string, total: number, earlier?: string): Promise<void> {
  let taken = 0;
  for (let first = 1; first <= total; first += ROWS_A_STATEMENT) {
    const last = Math.min(total, first + ROWS_A_STATEMENT - 1);
    const { rows } = await sql<{ taken: number }>`
      with added as (
        insert into map_rows (chain, row, turn, status, answer)
        select ${chain}, n,
          case when e.row is null
            then ${first - 1 - taken}::integer + row_number() over (partition by e.row is null order by n) end,
          coalesce(e.status, 'waiting'), e.answer
        from generate_series(${first}::integer, ${last}::integer) n
        left join map_rows e on e.chain = ${earlier ?? ''} and e.row = n and e.status = 'done'
        returning status
      )
      select count(*) filter (where status = 'done') as taken from added`.execute(trx);
    taken += rows[0]!.taken;
  }
  await trx.updateTable('maps').set({ taken, done: taken }).where('chain', '=', chain).execute();
}

async function opened(db: Kysely<Database>, chain: string): Promise<OpenedMap | undefined> {
  const map = await db
    .selectFrom('maps')
    .select(['source', 'total', 'taken'])
    .where('chain', '=', chain)
    .executeTakeFirst();
  return map && { source: map.source, total: map.total, turns: map.total - map.taken };
}

/** The same run before it was stopped, which has what it took over too; else the one that is named. */
async function earlierMap(db: Kysely<Database>, { id, chain, tenant }: MapRun, after = id) {
  const query = db
    .selectFrom('maps')
    .select(['maps.chain', 'source'])
    .where('run', 'in', [id, after, ownName(after, tenant)])
    .where('maps.chain', '<>', chain);
  return (tenant === undefined ? query : query.where(isOf(tenant)))
    .orderBy(sql`run = ${id}`, 'desc')
    .orderBy('opened_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** True for maps whose run is the tenant's. */
export function isOf(tenant: string) {
  return sql<boolean>`exists (select from runs where runs.chain = maps.chain and runs.tenant = ${tenant})`;
}
