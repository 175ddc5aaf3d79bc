import { type Kysely, type Selectable, sql } from 'kysely';
import { type CallError, ListSteps, type Timeline, withoutUndefined } from '../contract/index.ts';
import { shortId } from './call-events.ts';
import type { Database } from './database.ts';

type TimelineCall = Pick<
  Selectable<Database['calls']>,
  'key' | 'step' | 'model' | 'state' | 'epoch' | 'reply' | 'error' | 'cached' | 'started_at' | 'ended_at'
>;

interface Step {
  step: string;
  /** its place in the run, by which the next page goes on */
  place: number;
  at: Date;
}

/** literal: the partial index serves only what it can see */
const OF_TIMELINE = sql<boolean>`type in ('step.started', 'step.completed', 'call.retrying', 'call.fallback')`;

/** A page of steps in the order they began, and in each its calls. */
export async function timelinePage(db: Kysely<Database>, chain: string, query?: ListSteps): Promise<Timeline> {
  const { after, limit } = ListSteps.parse(query ?? {});
  const run = await db.selectFrom('runs').select(['id', 'pruned']).where('chain', '=', chain).executeTakeFirst();
  const steps = await stepsAfter(db, chain, { after, limit: limit + 1, pruned: (run?.pruned ?? 0) >= 2 });
  const page = steps.slice(0, limit);
  const names = page.map(({ step }) => step);
  const events = await db
    .selectFrom('events')
    .select(['type', 'step', 'call', 'at', 'data'])
    .where('chain', '=', chain)
    .where(OF_TIMELINE)
    .where('step', '=', sql<string>`any (${names}::text[])`)
    .orderBy('seq')
    .execute();
  const calls = await db
    .selectFrom('calls')
    .select(['key', 'step', 'model', 'state', 'epoch', 'reply', 'error', 'cached', 'started_at', 'ended_at'])
    .where('chain', '=', chain)
    .where('step', '=', sql<string>`any (${names}::text[])`)
    .orderBy('started_at')
    .orderBy('key')
    .execute();
  const ended = new Map(events.flatMap(({ type, step, at }) => (type === 'step.completed' ? [[step, at]] : [])));
  const retries = Map.groupBy(events, ({ type, call }) => (type === 'call.retrying' ? call : null));
  const callsOf = Map.groupBy(calls, ({ step }) => step);
  return withoutUndefined({
    id: run?.id ?? chain,
    steps: page.map(({ step, at }) =>
      withoutUndefined({
        step,
        startedAt: at.toISOString(),
        endedAt: ended.get(step)?.toISOString(),
        calls: (callsOf.get(step) ?? []).map((call) =>
          timelineCall(
            call,
            (retries.get(shortId(call.key)) ?? []).map(({ data }) => data.error as CallError),
          ),
        ),
      }),
    ),
    pruned: run && run.pruned >= 3 ? true : undefined,
    nextAfter: steps.length > page.length ? page.at(-1)!.place : undefined,
  });
}

/** As their events tell; where those are no longer kept, as their calls do. */
async function stepsAfter(
  db: Kysely<Database>,
  chain: string,
  { after, limit, pruned }: { after: number; limit: number; pruned: boolean },
): Promise<Step[]> {
  const steps = pruned
    ? sql<Step>`
        select * from (
          select step, row_number() over (order by min(started_at), step) as place, min(started_at) as at
          from calls where chain = ${chain} group by step
        ) steps
        where place > ${after} order by place limit ${limit}`
    : sql<Step>`
        select step, seq as place, at from events
        where chain = ${chain} and ${OF_TIMELINE} and type = 'step.started' and step is not null and seq > ${after}
        order by seq limit ${limit}`;
  return (await steps.execute(db)).rows;
}

function timelineCall(call: TimelineCall, errors: CallError[]): Timeline['steps'][number]['calls'][number] {
  const { model, state, epoch, reply, error, cached } = call;
  return withoutUndefined({
    model,
    startedAt: call.started_at.toISOString(),
    endedAt: call.ended_at?.toISOString(),
    attempts: epoch,
    cached,
    firstTokenMs: reply?.firstTokenMs,
    totalMs: reply?.totalMs,
    usage: reply?.usage,
    costUsd: reply?.costUsd,
    finishReason: reply?.finishReason,
    // the last error of a model that was given up is told by no retry
    errors: state === 'failed' && error ? [...errors, error] : errors,
  });
}
