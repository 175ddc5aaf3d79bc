import { type Kysely, type Selectable, sql } from 'kysely';
import {
  type EventBody,
  type EventType,
  ListSteps,
  oneLine,
  type Timeline,
  withoutUndefined,
} from '../contract/index.ts';
import { shortId } from './call-events.ts';
import type { Database } from './database.ts';

type Step = Timeline['steps'][number];
type Call = Step['calls'][number];
type CallAttempt = NonNullable<Call['eachAttempt']>[number];

type CallRow = Pick<
  Selectable<Database['calls']>,
  'key' | 'step' | 'model' | 'state' | 'epoch' | 'reply' | 'error' | 'cached' | 'started_at' | 'ended_at'
>;
type Data<Type extends EventType> = Omit<Extract<EventBody, { type: Type }>, 'type'>;
interface EventOf<Type extends EventType> {
  type: EventType;
  step: string;
  call: string | null;
  epoch: number | null;
  at: Date;
  data: Data<Type>;
}
type EventRow = EventOf<EventType>;
type SpentRow = Pick<
  Selectable<Database['ledger']>,
  'key' | 'epoch' | 'input_tokens' | 'output_tokens' | 'cost_usd' | 'estimated'
>;

/** What is told of calls beside their rows, and not in events. */
interface Beside {
  /** by key and epoch */
  spent: Map<string, SpentRow>;
  /** by key */
  batches: Map<string, Call['batch']>;
}

interface Place {
  step: string;
  /** its place in the run, by which the next page goes on */
  place: number;
  at: Date;
}

/** literal: the partial index serves only what it can see */
const OF_STEPS = sql<boolean>`type in ('step.started', 'step.completed', 'step.failed', 'call.retrying', 'call.fallback',
  'call.hedged', 'call.abandoned', 'tool.started', 'tool.completed', 'approval.requested', 'approval.resolved')`;

const SUMMARY_LENGTH = 80;

/** A page of steps in the order they began, and in each its calls. */
export async function timelinePage(db: Kysely<Database>, chain: string, query?: ListSteps): Promise<Timeline> {
  const { after, limit } = ListSteps.parse(query ?? {});
  const run = await db.selectFrom('runs').select(['id', 'pruned']).where('chain', '=', chain).executeTakeFirst();
  const steps = await stepsAfter(db, chain, { after, limit: limit + 1, pruned: (run?.pruned ?? 0) >= 2 });
  const page = steps.slice(0, limit);
  const names = page.map(({ step }) => step);
  const [events, calls] = await Promise.all([eventsOf(db, chain, names), callsOf(db, chain, names)]);
  const [spent, batches] = await Promise.all([spentBy(db, calls), batchesOf(db, calls)]);
  const byStep = Map.groupBy(events, ({ step }) => step);
  const callsByStep = Map.groupBy(calls, ({ step }) => step);
  return withoutUndefined({
    id: run?.id ?? chain,
    steps: page.map((place) =>
      stepOf(place, byStep.get(place.step) ?? [], callsByStep.get(place.step) ?? [], { spent, batches }),
    ),
    pruned: run && run.pruned >= 3 ? true : undefined,
    nextAfter: steps.length > page.length ? page.at(-1)!.place : undefined,
  });
}

/** As their events tell, of a worker's tool the tool itself; where those are no longer kept, as their calls do. */
async function stepsAfter(
  db: Kysely<Database>,
  chain: string,
  { after, limit, pruned }: { after: number; limit: number; pruned: boolean },
): Promise<Place[]> {
  const steps = pruned
    ? sql<Place>`
        select * from (
          select step, row_number() over (order by min(started_at), step) as place, min(started_at) as at
          from calls where chain = ${chain} group by step
        ) steps
        where place > ${after} order by place limit ${limit}`
    : sql<Place>`
        select step, min(seq) as place, min(at) as at from events
        where chain = ${chain} and ${OF_STEPS} and type in ('step.started', 'tool.started') and step is not null
        group by step having min(seq) > ${after} order by place limit ${limit}`;
  return (await steps.execute(db)).rows;
}

async function eventsOf(db: Kysely<Database>, chain: string, steps: string[]): Promise<EventRow[]> {
  const { rows } = await sql<EventRow>`
    select type, step, call, epoch, at, case type
      -- what is shown of these to people is not theirs to carry along
      when 'approval.requested' then data - 'show'
      when 'tool.completed' then data - 'result'
      else data end as data
    from events where chain = ${chain} and ${OF_STEPS} and step = any (${steps}::text[]) order by seq`.execute(db);
  return rows;
}

function callsOf(db: Kysely<Database>, chain: string, steps: string[]): Promise<CallRow[]> {
  return db
    .selectFrom('calls')
    .select(['key', 'step', 'model', 'state', 'epoch', 'reply', 'error', 'cached', 'started_at', 'ended_at'])
    .where('chain', '=', chain)
    .where('step', '=', sql<string>`any (${steps}::text[])`)
    .orderBy('started_at')
    .orderBy('key')
    .execute();
}

/** What each attempt used, of calls that needed several. */
async function spentBy(db: Kysely<Database>, calls: CallRow[]): Promise<Map<string, SpentRow>> {
  const keys = calls.filter(({ epoch }) => epoch > 1).map(({ key }) => key);
  if (keys.length === 0) return new Map();
  const rows = await db
    .selectFrom('ledger')
    .select(['key', 'epoch', 'input_tokens', 'output_tokens', 'cost_usd', 'estimated'])
    .where('key', '=', sql<string>`any (${keys}::text[])`)
    .execute();
  return new Map(rows.map((row) => [`${row.key} ${row.epoch}`, row]));
}

/** The batches calls are or were in, by the key of the call. */
async function batchesOf(db: Kysely<Database>, calls: CallRow[]): Promise<Beside['batches']> {
  if (calls.length === 0) return new Map();
  const rows = await db
    .selectFrom('batch_calls as c')
    .leftJoin('batches as b', 'b.id', 'c.batch')
    .select(['c.key', 'c.state', 'b.remote_id', 'b.calls', 'b.sent_at'])
    .where('c.key', '=', sql<string>`any (${calls.map(({ key }) => key)}::text[])`)
    .execute();
  return new Map(
    rows.map(({ key, state, remote_id, calls: size, sent_at }) => {
      const open = sent_at ? 'submitted' : 'gathering';
      const batch = withoutUndefined({
        id: remote_id ?? undefined,
        calls: size ?? undefined,
        state: state === 'answered' ? state : state === 'waiting' || state === 'batched' ? open : ('left' as const),
        submittedAt: sent_at?.toISOString(),
      });
      return [key, batch as Call['batch']];
    }),
  );
}

function stepOf({ step, at }: Place, events: EventRow[], calls: CallRow[], beside: Beside): Step {
  const [started] = all(events, 'step.started');
  const [failed] = all(events, 'step.failed');
  const [toolDone] = all(events, 'tool.completed');
  const completed = all(events, 'step.completed').at(-1) ?? failed ?? (started ? undefined : toolDone);
  return withoutUndefined({
    step,
    startedAt: at.toISOString(),
    endedAt: completed?.at.toISOString(),
    run: started?.data.run,
    agent: started?.data.agent,
    error: failed?.data.error,
    tool: toolOf(all(events, 'tool.started')[0], toolDone),
    approval: approvalOf(all(events, 'approval.requested')[0], all(events, 'approval.resolved')[0]),
    calls: calls.map((call) => callOf(call, events, beside)),
  });
}

function all<Type extends EventType>(events: EventRow[], type: Type): EventOf<Type>[] {
  return events.filter((event) => event.type === type) as EventOf<Type>[];
}

function toolOf(started?: EventOf<'tool.started'>, completed?: EventOf<'tool.completed'>): Step['tool'] {
  if (!started) return undefined;
  const { tool, agent, by, arguments: args } = started.data;
  const told = Object.values(args).find((one) => typeof one === 'string' || typeof one === 'number');
  return withoutUndefined({
    ...{ tool, agent, by },
    summary: told === undefined ? '' : oneLine(String(told), SUMMARY_LENGTH),
    startedAt: started.at.toISOString(),
    endedAt: completed?.at.toISOString(),
    error: completed?.data.error,
    interrupted: completed?.data.interrupted,
  });
}

function approvalOf(asked?: EventOf<'approval.requested'>, answered?: EventOf<'approval.resolved'>): Step['approval'] {
  if (!asked) return undefined;
  return withoutUndefined({
    requestedAt: asked.at.toISOString(),
    expiresAt: asked.data.expiresAt,
    resolvedAt: answered?.at.toISOString(),
    approved: answered?.data.approved,
    by: answered?.data.by,
    comment: answered?.data.comment,
    expired: answered?.data.expired,
  });
}

function callOf(row: CallRow, events: EventRow[], { spent, batches }: Beside): Call {
  const { key, model, state, epoch, reply, error, cached } = row;
  const call = shortId(key);
  const mine = events.filter((event) => event.call === call);
  const retries = all(mine, 'call.retrying');
  const errors = retries.map(({ data }) => data.error);
  const fallback = all(mine, 'call.fallback')[0]?.data;
  return withoutUndefined({
    call,
    model,
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString(),
    attempts: epoch,
    eachAttempt: retries.length > 0 ? attemptsOf(row, retries, spent) : undefined,
    cached,
    batch: batches.get(key),
    fallback: fallback && { from: fallback.from, error: fallback.error },
    hedgeOf: all(events, 'call.hedged').find(({ data }) => data.to === model)?.data.from,
    abandonedFor: all(mine, 'call.abandoned')[0]?.data.by,
    waitedMs: reply?.waitedMs,
    firstTokenMs: reply?.firstTokenMs,
    totalMs: reply?.totalMs,
    usage: reply?.usage,
    costUsd: reply?.costUsd,
    finishReason: reply?.finishReason,
    invalid: reply?.invalid,
    // the last error of a model that was given up is told by no retry
    errors: state === 'failed' && error ? [...errors, error] : errors,
  });
}

/** A retry tells the end of the attempt before it, and when its own begins. */
function attemptsOf(row: CallRow, retries: EventOf<'call.retrying'>[], spent: Map<string, SpentRow>): CallAttempt[] {
  const starts = [row.started_at, ...retries.map(({ at, data }) => new Date(at.getTime() + data.delayMs))];
  const epochs = [1, ...retries.map(({ epoch }, index) => epoch ?? index + 2)];
  return starts.map((startedAt, index) => {
    const next = retries[index];
    const line = spent.get(`${row.key} ${epochs[index]}`);
    const failed = row.state === 'failed' ? (row.error ?? undefined) : undefined;
    return withoutUndefined({
      startedAt: startedAt.toISOString(),
      endedAt: next ? (next.data.failedAt ?? next.at.toISOString()) : row.ended_at?.toISOString(),
      error: next ? next.data.error : failed,
      usage: line && { inputTokens: line.input_tokens, outputTokens: line.output_tokens },
      costUsd: line && (line.cost_usd === null ? null : Number(line.cost_usd)),
      estimated: line?.estimated || undefined,
    });
  });
}
