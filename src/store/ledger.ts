import { type Kysely, type Selectable, sql } from 'kysely';
import { type Bill, type BillLine, type Spend, type SpendQuery, withoutUndefined } from '../contract/index.ts';
import type { Database } from './database.ts';
import { called } from './functions.ts';
import { spendOf } from './spend.ts';

/** `run:<chain>`, `tenant:<name>` or `key:<name>` */
export type AccountId = `${'run' | 'tenant' | 'key'}:${string}`;

/** USD. `budgetUsd` undefined: no limit. */
export interface Account {
  budgetUsd?: number;
  spentUsd: number;
  /** held for calls in flight */
  reservedUsd: number;
}

export interface Ledger {
  /** What the attempts of a run's calls cost, in the order they ended. @param chain first-execution run id */
  bill(chain: string): Promise<Bill>;
  /** What was spent over some days, of all runs. */
  spend(query?: SpendQuery): Promise<Spend>;
  /** Most USD an account may spend in all; undefined lifts the limit. A tenant's earlier calls count. */
  setBudget(account: AccountId, usd: number | undefined): Promise<void>;
  /** Tenants' and keys' accounts that have a budget, by name. @param tenant whose, with those of its keys; left out, all */
  budgets(limit: number, tenant?: string): Promise<({ id: string } & Account)[]>;
  /** Of a tenant or key: from its first call on. Of a run: where it has a budget. */
  account(id: AccountId): Promise<Account | undefined>;
  /** Runs that hold money for calls begun more than so long ago, in pages. @param ageMs ms @param after of the page before */
  holdingSince(ageMs: number, after?: string): Promise<{ runs: { chain: string; id: string }[]; nextAfter?: string }>;
  /** Gives back what a run that ended still holds; the events that end a run do so by themselves. */
  releaseOf(chain: string): Promise<void>;
}

const HOLDS_A_PAGE = 1_000;

export function createLedger(db: Kysely<Database>): Ledger {
  return {
    async bill(chain) {
      const rows = await db.selectFrom('ledger').selectAll().where('chain', '=', chain).orderBy('n').execute();
      const { total } = await db
        .selectFrom('ledger')
        .select(({ fn }) => fn.sum<string | null>('cost_usd').as('total'))
        .where('chain', '=', chain)
        .executeTakeFirstOrThrow();
      return billOf(
        rows.map((row) =>
          withoutUndefined({
            step: row.step,
            model: row.model,
            usage: withoutUndefined({
              inputTokens: row.input_tokens,
              outputTokens: row.output_tokens,
              cachedInputTokens: row.cached_input_tokens ?? undefined,
              cacheWriteTokens: row.cache_write_tokens ?? undefined,
              reasoningTokens: row.reasoning_tokens ?? undefined,
            }),
            costUsd: row.cost_usd === null ? null : Number(row.cost_usd),
            cached: row.cached,
            batch: row.batch || undefined,
            savedUsd: row.batch && row.saved_usd !== null ? Number(row.saved_usd) : undefined,
            estimated: row.estimated || undefined,
          }),
        ),
        Number(total ?? 0),
      );
    },
    spend: (query) => spendOf(db, query),
    async setBudget(id, usd) {
      const budget = usd ?? null;
      await db
        .insertInto('accounts')
        .values({ id, budget_usd: budget })
        .onConflict((conflict) =>
          conflict.column('id').doUpdateSet({
            budget_usd: budget,
            warned: sql`coalesce(accounts.spent_usd >= 0.8 * ${budget}::numeric, false) and accounts.warned`,
          }),
        )
        .execute();
    },
    async account(id) {
      const row = await db.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
      return row && accountOf(row);
    },
    async budgets(limit, tenant) {
      const limited = db
        .selectFrom('accounts')
        .selectAll()
        .where('budget_usd', 'is not', null)
        .where('id', 'not like', 'run:%')
        .orderBy('id')
        .limit(limit);
      const own = sql<boolean>`(id = ${`tenant:${tenant}`} or id in (select 'key:' || name from api_keys where tenant = ${tenant}))`;
      const rows = await (tenant === undefined ? limited : limited.where(own)).execute();
      return rows.map((row) => ({ id: row.id, ...accountOf(row) }));
    },
    async holdingSince(ageMs, after = '') {
      const rows = await db
        .selectFrom('reservations')
        .innerJoin('runs', 'runs.chain', 'reservations.chain')
        .select(['runs.chain', 'runs.id', 'call_key'])
        .where('reservations.at', '<', sql<Date>`now() - make_interval(secs => ${ageMs / 1_000})`)
        .where('call_key', '>', after)
        .orderBy('call_key')
        .limit(HOLDS_A_PAGE)
        .execute();
      const runs = new Map(rows.map(({ chain, id }) => [chain, { chain, id }]));
      const nextAfter = rows.length === HOLDS_A_PAGE ? rows.at(-1)!.call_key : undefined;
      return { runs: [...runs.values()], nextAfter };
    },
    async releaseOf(chain) {
      await db.transaction().execute(async (trx) => {
        await trx.selectFrom('runs').select('chain').where('chain', '=', chain).forUpdate().execute();
        await sql`select ${called('settle_accounts')}('[]', array(select call_key from reservations where chain = ${chain}))`.execute(
          trx,
        );
      });
    },
  };
}

function accountOf(row: Selectable<Database['accounts']>): Account {
  return withoutUndefined({
    budgetUsd: row.budget_usd === null ? undefined : Number(row.budget_usd),
    spentUsd: Number(row.spent_usd),
    reservedUsd: Number(row.reserved_usd),
  });
}

/** The sum is the database's, exact; a run whose every call is of unknown price has none. */
function billOf(calls: BillLine[], totalUsd: number): Bill {
  const unpriced = calls.filter(({ costUsd }) => costUsd === null).length;
  const batched = calls.filter(({ batch }) => batch);
  const savedByBatchUsd = batched.reduce((sum, { savedUsd = 0 }) => sum + savedUsd, 0);
  return {
    totalUsd: unpriced > 0 && unpriced === calls.length ? null : totalUsd,
    inputTokens: calls.reduce((sum, { usage }) => sum + usage.inputTokens, 0),
    outputTokens: calls.reduce((sum, { usage }) => sum + usage.outputTokens, 0),
    unpriced,
    ...(batched.length > 0 ? { savedByBatchUsd: Number(savedByBatchUsd.toFixed(12)) } : {}),
    calls,
  };
}
