import { type Kysely, sql } from 'kysely';
import { type ModelRef, type RouteDecision, withoutUndefined } from '../contract/index.ts';
import type { Database } from './database.ts';

/** How a model did lately, by the calls that really asked it. */
export interface ModelStatistics {
  model: ModelRef;
  /** attempts: answered ones, and those the provider failed */
  attempts: number;
  /** share of the attempts that failed, 0..1 */
  errorRate: number;
  /** median, ms */
  firstTokenMs?: number;
  totalMs?: number;
  /** USD a call, as far as prices are known */
  meanUsd?: number;
  meanOutputTokens?: number;
}

interface Row {
  model: string;
  answered: number;
  failed: number;
  first_token_ms: number | null;
  total_ms: number | null;
  mean_usd: number | null;
  mean_output_tokens: number | null;
}

/** What is wrong with a request, or with whoever stopped it, is no fault of the model's. */
const NOT_THE_MODELS = ['Cancelled', 'InvalidRequest', 'BudgetExceeded', 'ContextTooLong'];

/** Latency, failures and cost of models over the last hours, of the calls of all runs; models without calls are left out. */
export async function modelStatistics(
  db: Kysely<Database>,
  models: ModelRef[],
  hours: number,
): Promise<ModelStatistics[]> {
  const { rows } = await sql<Row>`
    select model,
      count(*) filter (where state = 'finished') as answered,
      coalesce(sum(failures - (error->>'type' = any (${NOT_THE_MODELS}) and state <> 'finished')::integer), 0) as failed,
      percentile_cont(0.5) within group (order by (reply->>'firstTokenMs')::float8) as first_token_ms,
      percentile_cont(0.5) within group (order by (reply->>'totalMs')::float8) as total_ms,
      avg((reply->>'costUsd')::float8) as mean_usd,
      avg((reply->'usage'->>'outputTokens')::float8) as mean_output_tokens
    from (
      select model, state, failures, coalesce(error, '{}') as error, reply from calls
      where model = any (${models}) and not cached and started_at > now() - make_interval(secs => ${hours * 3_600})
    ) as lately
    group by model`.execute(db);
  return rows.map((row) => {
    const [answered, failed] = [Number(row.answered), Math.max(0, Number(row.failed))];
    const attempts = answered + failed;
    return withoutUndefined({
      model: row.model,
      attempts,
      errorRate: attempts === 0 ? 0 : failed / attempts,
      firstTokenMs: row.first_token_ms ?? undefined,
      totalMs: row.total_ms ?? undefined,
      meanUsd: row.mean_usd ?? undefined,
      meanOutputTokens: row.mean_output_tokens ?? undefined,
    });
  });
}

/** What a router decided before under this key of a run's events, so that a step repeated after a crash or a reset
 *  decides the same. @param chain first-execution run id */
export async function decidedBefore(
  db: Kysely<Database>,
  chain: string,
  key: string,
): Promise<RouteDecision | undefined> {
  const row = await db
    .selectFrom('events')
    .select('data')
    .where('chain', '=', chain)
    .where('key', '=', key)
    .executeTakeFirst();
  return row && ({ rejected: [], ...row.data } as unknown as RouteDecision);
}
