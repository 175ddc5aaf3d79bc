import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { CallError, Log, ModelReply, RunRef } from '../contract/index.ts';
import { overBudget, withoutPrice } from './budget-errors.ts';
import { firstEvents, lastEvents, shortId } from './call-events.ts';
import type { Database } from './database.ts';
import { type CallEnd, type KeyedEvent, lineOf, wholeRun } from './event-batch.ts';
import type { Followers } from './event-followers.ts';
import type { EventRow } from './event-rows.ts';
import type { EventWriter } from './event-writer.ts';
import { stepKey } from './events.ts';
import type { BeginCall, Begun, Journal, OpenCall } from './journaled-calls.ts';
import { outlast } from './outlast.ts';
import { storable, storableJson } from './storable-json.ts';

const NO_USAGE = { inputTokens: 0, outputTokens: 0 };
const PATIENCE_MS = 60_000;

type BeginAnswer =
  | { state: 'finished'; reply: ModelReply }
  | (Omit<OpenCall, 'call'> & { written?: EventRow[] })
  | { state: 'overBudget'; account: string; spent: number; reserved: number; budget: number }
  | { state: 'priceNeeded'; account: string };

export function createJournal(
  db: Kysely<Database>,
  writer: EventWriter,
  followers: Followers,
  origin: string,
  log: Log,
): Journal {
  /** Not through the writer: a beginning waits for no flush. */
  async function begin(begun: BeginCall): Promise<Begun> {
    const { key, run, step, model, worstCaseUsd: worst } = begun;
    const call = shortId(key);
    const follow = followers.has(run.chain);
    const parameter = {
      ...{ key, call, step, model, origin, follow, run: wholeRun(run) },
      // tells a repetition of this very request from another attempt
      holder: randomUUID(),
      accounts: [...accountsOf(run), ...(begun.accounts ?? [])],
      first: firstEvents(begun, call).map((event, index) => lineOf(event, index, 1)),
      lost: {
        type: 'ConnectionLost',
        message: 'The worker making this call was lost',
        step,
        model,
      } satisfies CallError,
    };
    const answerFor = async (usd: number | null): Promise<BeginAnswer> => {
      const given = storableJson({ ...parameter, worst: usd });
      const query = sql<{ answer: BeginAnswer }>`select begin_call(${given}::jsonb) as answer`;
      const { rows } = await outlast(() => query.execute(db), `beginning a call of ${step}`, log, {
        patienceMs: PATIENCE_MS,
      });
      return rows[0]!.answer;
    };
    let worstCaseUsd = typeof worst === 'function' ? null : worst;
    let answer = await answerFor(worstCaseUsd);
    if (answer.state === 'priceNeeded' && typeof worst === 'function') {
      worstCaseUsd = worst();
      if (worstCaseUsd !== null) answer = await answerFor(worstCaseUsd);
    }
    if (answer.state === 'priceNeeded') return { state: 'overBudget', error: withoutPrice(begun, answer) };
    if (answer.state === 'finished') return answer;
    followers.tell(
      [run],
      'written' in answer && follow ? [run] : [],
      'written' in answer ? (answer.written ?? []) : [],
    );
    if (answer.state === 'overBudget')
      return { state: 'overBudget', error: overBudget({ ...begun, worstCaseUsd }, answer) };
    const { epoch, failures, midStreamFailures } = answer;
    return { state: 'open', epoch, call, failures, midStreamFailures };
  }

  async function end(run: RunRef, callEnd: CallEnd & { reply: ModelReply }, events: KeyedEvent[]): Promise<ModelReply> {
    const outcome = await writer.write({ run, events, end: callEnd });
    if (outcome?.taken) return callEnd.reply;
    const query = () => db.selectFrom('calls').select('reply').where('key', '=', callEnd.key).executeTakeFirstOrThrow();
    const { reply } = await outlast(query, 'reading a finished call', log, { patienceMs: PATIENCE_MS });
    return reply!;
  }

  return {
    begin,
    async takeFailure({ key, run, step, model, error }) {
      const row = { key, chain: run.chain, step, model, state: 'failed' as const, epoch: 1, failures: 1 };
      const now = new Date();
      await db
        .insertInto('calls')
        .values({ ...row, error: JSON.stringify(error), started_at: now, ended_at: now })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },
    async ended(key) {
      const row = await db
        .selectFrom('calls')
        .select(['state', 'reply', 'error'])
        .where('key', '=', key)
        .executeTakeFirst();
      if (row?.state === 'finished') return { reply: row.reply! };
      return row?.state === 'failed' ? { error: row.error! } : undefined;
    },
    async fail({ key, run, step, epoch, error, next }) {
      const final = next === 'final';
      const delayMs = final ? undefined : next.delayMs;
      await writer.write({
        run,
        events: [],
        end: { op: 'fail', key, call: shortId(key), step, epoch, error, final, delayMs },
      });
    },
    finish({ key, run, step, epoch, reply: given, completesStep, cache }) {
      const reply = storable(given);
      const call = shortId(key);
      const callEnd: CallEnd & { reply: ModelReply } = {
        ...{ op: 'finish', key, call, step, epoch, reply, model: reply.model, cached: false },
        cost: reply.costUsd ?? undefined,
        cache: cache && { tenant: cache.tenant ?? '', hash: cache.requestHash, ttl: cache.ttlSeconds },
      };
      return end(run, callEnd, lastEvents({ step, call, epoch }, reply, completesStep));
    },
    async abandon({ key, run, step, model, epoch, by, partial }) {
      const call = shortId(key);
      const error: CallError = { type: 'Cancelled', message: `${by} was quicker`, step, model };
      const { usage = NO_USAGE, costUsd = 0 } = partial ?? {};
      const told: KeyedEvent = { type: 'call.abandoned', step, call, epoch, model, by, usage, costUsd };
      // A line of its own on the bill: under the call's own key it would be its answer.
      const reply = partial && storable(partial);
      const bill: CallEnd | undefined = reply && {
        ...{ op: 'finish', key: `abandoned:${epoch}:${key}`, call, step, epoch, reply, model, cached: false },
        cost: reply.costUsd ?? undefined,
      };
      await Promise.all([
        writer.write({ run, events: [told], end: bill }),
        writer.write({ run, events: [], end: { op: 'fail', key, call, step, epoch, error, final: true } }),
      ]);
    },
    finishCached({ key, run, step, model, reply: found, completesStep = true }) {
      const call = shortId(key);
      const place = { step, call, epoch: 1 };
      const reply: ModelReply = { ...found, costUsd: 0, cached: true };
      const callEnd: CallEnd & { reply: ModelReply } = {
        ...{ op: 'cached', key, call, step, epoch: 1, reply, model, cached: true, cost: 0 },
      };
      return end(run, callEnd, [
        { type: 'step.started', step, key: stepKey('step.started', step) },
        { type: 'call.cached', ...place, model, savedUsd: found.costUsd, usage: found.usage },
        { type: 'call.delta', ...place, text: found.text },
        ...lastEvents(place, reply, completesStep),
      ]);
    },
  };
}

/** The accounts that pay a run's calls, where they have a budget: its own, those of the runs above it, its tenant's and
 *  its API key's. */
function accountsOf({ chain, above = [], tenant, key }: RunRef): string[] {
  return [
    ...[chain, ...above].map((payer) => `run:${payer}`),
    ...(tenant === undefined ? [] : [`tenant:${tenant}`]),
    ...(key === undefined ? [] : [`key:${key}`]),
  ];
}
