import { type Kysely, type RawBuilder, sql } from 'kysely';
import { type Spend, type SpendDimension, type SpendLine, SpendQuery, withoutUndefined } from '../contract/index.ts';
import type { Database } from './database.ts';

const DAY_MS = 86_400_000;
const DAYS = 30;

const COLUMNS: Record<Exclude<SpendDimension, 'day'>, RawBuilder<string | null>> = {
  model: sql`l.model`,
  tenant: sql`l.tenant`,
  key: sql`l.key_name`,
  pattern: sql`r.pattern`,
};

type Sums = Spend['total'];
type Row = { [Name in keyof Sums]: string | number | null } & {
  first: string | null;
  second: string | null;
  isTotal: boolean;
  lines: number;
};

/**
 * Sums up the ledger over days. One statement: a range of `ledger_by_time`, or of one tenant, grouped once; the total comes
 * from the same pass, so that lines and total are of one moment.
 */
export async function spendOf(db: Kysely<Database>, query?: SpendQuery): Promise<Spend> {
  const { by, timeZone, limit, pattern, ...asked } = SpendQuery.parse(query ?? {});
  const { from, to } = daysOf(asked, timeZone);
  const dimension = (name: SpendDimension): RawBuilder<string | null> =>
    name === 'day' ? sql`(l.at at time zone ${timeZone}::text)::date` : COLUMNS[name];
  // once a group, not once a line
  const told = (name: SpendDimension | undefined, column: RawBuilder<unknown>) =>
    name === 'day' ? sql`to_char(${column}, 'YYYY-MM-DD')` : column;
  const [first, second = sql<null>`null::text`] = by.map(dimension);
  const needsRuns = by.includes('pattern') || pattern !== undefined;
  const where = [
    sql`l.at >= (${from}::date)::timestamp at time zone ${timeZone}::text`,
    sql`l.at < (${to}::date + 1)::timestamp at time zone ${timeZone}::text`,
    ...(asked.tenant === undefined ? [] : [sql`l.tenant = ${asked.tenant}`]),
    ...(asked.key === undefined ? [] : [sql`l.key_name = ${asked.key}`]),
    ...(asked.model === undefined ? [] : [sql`l.model = ${asked.model}`]),
    ...(pattern === undefined ? [] : [sql`r.pattern = ${pattern}`]),
  ];
  const { rows } = await sql<Row>`
    select *, count(*) over () as lines from (
      select ${told(by[0], sql`first`)} as first, ${told(by[1], sql`second`)} as second, grouping(first) = 1 as "isTotal",
        coalesce(sum(cost_usd), 0) as "costUsd",
        count(*) filter (where not cached) as calls,
        coalesce(sum(input_tokens) filter (where not cached), 0) as "inputTokens",
        coalesce(sum(cached_input_tokens) filter (where not cached), 0) as "cachedInputTokens",
        coalesce(sum(cache_write_tokens) filter (where not cached), 0) as "cacheWriteTokens",
        coalesce(sum(output_tokens) filter (where not cached), 0) as "outputTokens",
        coalesce(sum(reasoning_tokens) filter (where not cached), 0) as "reasoningTokens",
        count(*) filter (where cached) as "cachedAnswers",
        coalesce(sum(saved_usd) filter (where cached), 0) as "savedByCacheUsd",
        coalesce(sum(saved_usd) filter (where not cached and not batch), 0) as "savedByProviderUsd",
        coalesce(sum(saved_usd) filter (where batch), 0) as "savedByBatchUsd",
        count(*) filter (where cached and saved_usd is null) as "savedUnknown",
        count(*) filter (where cost_usd is null) as unpriced,
        count(*) filter (where estimated) as estimated,
        coalesce(sum(cost_usd) filter (where estimated), 0) as "estimatedUsd"
      from (
        select ${first} as first, ${second} as second, l.cost_usd, l.saved_usd, l.cached, l.batch, l.estimated, l.input_tokens,
          l.cached_input_tokens, l.cache_write_tokens, l.output_tokens, l.reasoning_tokens
        from ledger l ${needsRuns ? sql`left join runs r on r.chain = l.chain` : sql``}
        where ${sql.join(where, sql` and `)}
      ) spent
      group by grouping sets ((first, second), ())
    ) summed
    order by "isTotal" desc, "costUsd" desc, calls desc, first, second limit ${limit + 1}`.execute(db);
  const [total, ...lines] = rows;
  const leftOut = total!.lines - 1 - lines.length;
  return withoutUndefined({
    ...{ from, to, timeZone, by },
    total: sumsOf(total!),
    lines: lines.map((row) => lineOf(row, by)).sort((a, b) => (a.day ?? '').localeCompare(b.day ?? '')),
    leftOut: leftOut > 0 ? leftOut : undefined,
  });
}

function daysOf({ from, to }: { from?: string; to?: string }, timeZone: string): { from: string; to: string } {
  const last = to ?? new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' }).format(Date.now());
  return { from: from ?? new Date(Date.parse(last) - (DAYS - 1) * DAY_MS).toISOString().slice(0, 10), to: last };
}

function lineOf(row: Row, [first, second]: SpendDimension[]): SpendLine {
  const named = { [first!]: row.first ?? undefined, ...(second && { [second]: row.second ?? undefined }) };
  return withoutUndefined({ ...named, ...sumsOf(row) });
}

/** Sums of the database are exact, and come as text. */
function sumsOf({ first: _, second: __, isTotal: ___, lines: ____, ...sums }: Row): Sums {
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, Number(sum)])) as Sums;
}
