import pg from 'pg';
import type { Seen } from './client.ts';
import { type FinishedCall, problemsOf } from './compare-run.ts';
import { ANSWERED, type StormProvider } from './replies.ts';
import { POOR } from './runs.ts';

/** What was found after the storm. */
export interface Audit {
  /** what should not be, in words */
  problems: string[];
  runs: number;
  /** runs of which something is not right */
  wrong: number;
  events: number;
  /** calls that have an answer in the journal */
  finished: number;
  /** attempts at calls that were begun: one more for each that was lost or failed */
  attempts: number;
  /** requests the provider got */
  asked: number;
  /** lines of the ledger: of finished attempts, and of those that were cut */
  lines: { whole: number; estimated: number };
  /** requests that came though the last of their calls had finished */
  askedAgain: number;
  paid: { runs: number; interrupted: number; twice: number };
  spentUsd: number;
  refused: number;
}

export interface AuditOptions {
  databaseUrl: string;
  provider: StormProvider;
  seen: Seen[];
  /** by pattern: a run that nothing disturbed */
  references: Map<string, Seen>;
  /** how often each run's tool paid */
  payments: Map<string, number>;
  budgetUsd: number;
}

type Query = <Row>(text: string, values?: unknown[]) => Promise<Row[]>;

/** Looks at all that is left of the runs: what clients saw, the journal, the ledger, and what the provider was asked. */
export async function audited({ databaseUrl, ...options }: AuditOptions): Promise<Audit> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await compared(async (text, values) => (await client.query(text, values)).rows, options);
  } finally {
    await client.end();
  }
}

async function compared(query: Query, options: Omit<AuditOptions, 'databaseUrl'>): Promise<Audit> {
  const { provider, seen, references, payments } = options;
  const calls = await query<FinishedCall>(
    `select key, r.id as run, step, reply->>'text' as text, reply::text as reply,
       extract(epoch from c.ended_at)::float8 * 1000 as "endedAt"
     from calls c join runs r using (chain) where state = 'finished' and not cached`,
  );
  const wrong = seen
    .map((one) => ({ id: one.run.id, problems: problemsOf(one, references, calls) }))
    .filter(({ problems }) => problems.length > 0);
  const [{ attempts }] = (await query('select sum(epoch)::int as attempts from calls')) as [{ attempts: number }];
  const [{ spentUsd, ...lines }] = (await query(
    `select count(*) filter (where not estimated)::int as whole, count(*) filter (where estimated)::int as estimated,
       sum(cost_usd)::float8 as "spentUsd" from ledger where not cached`,
  )) as [Audit['lines'] & { spentUsd: number }];
  const poor = await query<{ usd: number }>('select spent_usd::float8 as usd from accounts where id = $1', [
    `tenant:${POOR}`,
  ]);
  const asked = [...provider.arrivals.values()].reduce((sum, { length }) => sum + length, sumOf(provider.embeddings));
  const askedAgain = lateRequests(provider, calls);
  const twice = [...payments.values()].filter((times) => times > 1).length;
  const rules: [isBroken: boolean, problem: string][] = [
    [askedAgain > 0, `${askedAgain} requests came after their calls had finished`],
    [asked > attempts, 'The provider was asked more often than attempts were begun'],
    [lines.whole + lines.estimated > attempts, 'The ledger has more lines than attempts were begun'],
    [lines.whole !== calls.length, `${calls.length} calls finished, ${lines.whole} lines are theirs`],
    [twice > 0, `${twice} runs paid twice`],
    [(poor[0]?.usd ?? 0) > options.budgetUsd, 'The poor tenant spent more than it has'],
  ];
  const told = seen.flatMap(({ events }) => events).filter((event) => 'interrupted' in event && event.interrupted);
  return {
    problems: [
      ...wrong.map(({ id, problems }) => `${id}: ${problems.join('; ')}`),
      ...(await inTheStore(query, seen)),
      ...rules.filter(([isBroken]) => isBroken).map(([, problem]) => problem),
    ],
    ...{ runs: seen.length, wrong: wrong.length, events: seen.reduce((sum, { events }) => sum + events.length, 0) },
    ...{ finished: calls.length, attempts, asked, askedAgain, lines, spentUsd },
    paid: { runs: payments.size, interrupted: told.length, twice },
    refused: seen.filter(({ status }) => status === 409).length,
  };
}

/** What the tables say that should not be. */
async function inTheStore(query: Query, seen: Seen[]): Promise<string[]> {
  const problems: string[] = [];
  const stored = new Map(
    (await query<{ id: string; seq: number; status: string }>('select id, seq::int, status from runs')).map((row) => [
      row.id,
      row,
    ]),
  );
  for (const { run, events } of seen) {
    const row = stored.get(run.id);
    if (row?.seq !== events.length) problems.push(`${run.id}: ${events.length} of its ${row?.seq} events were seen`);
  }
  const open = [...stored.values()].filter(({ status }) => status === 'running');
  if (open.length > 0) problems.push(`${open.length} runs are open still: ${open.map(({ id }) => id).join(', ')}`);
  const held = await query('select call_key from reservations');
  if (held.length > 0) problems.push(`${held.length} reservations are held still`);
  const off = await query<{ id: string; off: string }>(
    `select a.id, a.spent_usd - coalesce(sum(l.cost_usd), 0) as off from accounts a
       left join ledger l on a.id = 'tenant:' || l.tenant
     where a.id like 'tenant:%' group by a.id, a.spent_usd having a.spent_usd <> coalesce(sum(l.cost_usd), 0)`,
  );
  for (const { id, off: by } of off) problems.push(`${id} is off by ${by} USD from its bill lines`);
  const bills = await query<{ id: string }>(
    `select r.id from runs r left join ledger l using (chain) group by r.chain having r.cost_usd <> coalesce(sum(l.cost_usd), 0)`,
  );
  for (const { id } of bills) problems.push(`${id}: its cost is not the sum of its bill`);
  const overheld = await query<{ id: string }>('select id from accounts where reserved_usd <> 0');
  for (const { id } of overheld) problems.push(`${id} holds money still`);
  return problems;
}

/** Requests for answers that came when as many calls as ask the same had finished. */
function lateRequests({ arrivals }: StormProvider, calls: FinishedCall[]): number {
  const ends = new Map<string, number>();
  for (const { reply, endedAt } of calls) {
    const hash = ANSWERED.exec(reply)?.[1];
    if (hash) ends.set(hash, Math.max(ends.get(hash) ?? 0, endedAt));
  }
  let late = 0;
  for (const [hash, times] of arrivals)
    late += times.filter((at) => at > (ends.get(hash) ?? Number.POSITIVE_INFINITY)).length;
  return late;
}

function sumOf(counts: Map<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
