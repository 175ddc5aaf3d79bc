import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Bill, BillLine } from '../contract/index.ts';
import type { Database } from './database.ts';

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
  /** What a run's finished calls cost, in the order they ended. @param chain first-execution run id */
  bill(chain: string): Promise<Bill>;
  /** Most USD an account may spend in all; undefined lifts the limit. A tenant's earlier calls count. */
  setBudget(account: AccountId, usd: number | undefined): Promise<void>;
  account(id: AccountId): Promise<Account | undefined>;
  /** USD an account without a budget has spent so far. */
  spentBy(id: AccountId): Promise<number>;
  /** Runs that hold money for calls begun more than so long ago, oldest first. @param ageMs ms */
  holdingSince(ageMs: number): Promise<{ chain: string; id: string }[]>;
  /** Gives back what a run that ended still holds; the events that end a run do so by themselves. */
  releaseOf(chain: string): Promise<void>;
}

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
        rows.map((row) => ({
          step: row.step,
          model: row.model,
          usage: {
            inputTokens: row.input_tokens,
            outputTokens: row.output_tokens,
            ...(row.cached_input_tokens !== null && { cachedInputTokens: row.cached_input_tokens }),
            ...(row.cache_write_tokens !== null && { cacheWriteTokens: row.cache_write_tokens }),
            ...(row.reasoning_tokens !== null && { reasoningTokens: row.reasoning_tokens }),
          },
          costUsd: row.cost_usd === null ? null : Number(row.cost_usd),
          cached: row.cached,
        })),
        Number(total ?? 0),
      );
    },
    setBudget: (account, usd) => setBudget(db, account, usd),
    async account(id) {
      const row = await db.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
      return (
        row && {
          ...(row.budget_usd !== null && { budgetUsd: Number(row.budget_usd) }),
          spentUsd: Number(row.spent_usd),
          reservedUsd: Number(row.reserved_usd),
        }
      );
    },
    async spentBy(id) {
      const { rows } = await sql<{ usd: string }>`select ${spentBefore(id)} as usd`.execute(db);
      return Number(rows[0]!.usd);
    },
    async holdingSince(ageMs) {
      return db
        .selectFrom('reservations')
        .innerJoin('runs', 'runs.chain', 'reservations.chain')
        .select(['runs.chain', 'runs.id'])
        .where('reservations.at', '<', sql<Date>`now() - make_interval(secs => ${ageMs / 1_000})`)
        .groupBy(['runs.chain', 'runs.id'])
        .orderBy(({ fn }) => fn.min('reservations.at'))
        .limit(1_000)
        .execute();
    },
    async releaseOf(chain) {
      await db.transaction().execute(async (trx) => {
        await trx.selectFrom('runs').select('chain').where('chain', '=', chain).forUpdate().execute();
        await sql`select release_reservations(array(select call_key from reservations where chain = ${chain}))`.execute(
          trx,
        );
      });
    },
  };
}

/** The sum is the database's, exact; a run whose every call is of unknown price has none. */
function billOf(calls: BillLine[], totalUsd: number): Bill {
  const unpriced = calls.filter(({ costUsd }) => costUsd === null).length;
  return {
    totalUsd: unpriced > 0 && unpriced === calls.length ? null : totalUsd,
    inputTokens: calls.reduce((sum, { usage }) => sum + usage.inputTokens, 0),
    outputTokens: calls.reduce((sum, { usage }) => sum + usage.outputTokens, 0),
    unpriced,
    calls,
  };
}

/**
 * A new tenant's account begins with what the tenant spent before it had one; no call may end between the sum and the
 * account, hence the lock.
 */
async function setBudget(db: Kysely<Database>, id: AccountId, usd: number | undefined): Promise<void> {
  const budget = usd ?? null;
  const changed = await db
    .updateTable('accounts')
    .set({ budget_usd: budget, warned: sql`coalesce(spent_usd >= 0.8 * ${budget}::numeric, false) and warned` })
    .where('id', '=', id)
    .executeTakeFirst();
  if (changed.numUpdatedRows > 0n) return;
  await db.transaction().execute(async (trx) => {
    await sql`lock table ledger in share mode`.execute(trx);
    await sql`
      insert into accounts (id, budget_usd, spent_usd)
      values (${id}, ${budget}::numeric, ${spentBefore(id)})
      on conflict (id) do update set budget_usd = excluded.budget_usd`.execute(trx);
  });
}

/** The sum of an account's bill lines. */
function spentBefore(id: AccountId): RawBuilder<string> {
  const name = id.slice(id.indexOf(':') + 1);
  if (id.startsWith('tenant:')) return sql`(select coalesce(sum(cost_usd), 0) from ledger where tenant = ${name})`;
  if (id.startsWith('key:')) return sql`(select coalesce(sum(cost_usd), 0) from ledger where key_name = ${name})`;
  return sql`(select coalesce(sum(cost_usd), 0) from ledger where chain = ${name})`;
}
