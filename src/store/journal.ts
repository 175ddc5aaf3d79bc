import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { CallError, Log, ModelRef, ModelReply, RunRef } from '../contract/index.ts';
import { overBudget, withoutPrice } from './budget-errors.ts';
import type { Database } from './database.ts';
import { type CallEnd, type KeyedEvent, lineOf, wholeRun } from './event-batch.ts';
import type { Followers } from './event-followers.ts';
import type { EventRow } from './event-rows.ts';
import type { EventWriter } from './event-writer.ts';
import { stepKey } from './events.ts';
import { outlast } from './outlast.ts';
import { storable, storableJson } from './storable-json.ts';

export interface BeginCall {
  /** the call key: sha256 in hex */
  key: string;
  run: RunRef;
  step: string;
  model: ModelRef;
  /** the candidate before this one, and why it was left */
  fallback?: { from: ModelRef; error: CallError };
  /**
   * most USD the call may cost: held on the budgets of its payers until it ends; null where it is not known, which no
   * budget allows. A function is asked only if some payer has a budget: counting the tokens of 1 MB takes 9 ms.
   */
  worstCaseUsd: number | null | (() => number | null);
  /** the price of the model is not known, and `worstCaseUsd` a guess */
  unknownPrice?: boolean;
  /** further accounts that pay, such as `key:...`, beside the run's and its tenant's */
  accounts?: string[];
}

export type Begun = { state: 'finished'; reply: ModelReply } | OpenCall | { state: 'overBudget'; error: CallError };

/** An attempt to be made. `call` and `epoch` belong into its events. */
export interface OpenCall {
  state: 'open';
  epoch: number;
  call: string;
  /** how often the provider failed it before, since it was first asked or last given up */
  failures: number;
  /** those of them that came when part of the answer had been paid for */
  midStreamFailures: number;
}

export interface AbandonCall extends EndedCall {
  model: ModelRef;
  epoch: number;
  /** the model that is heard instead */
  by: ModelRef;
  /** what was asked and said so far, with its estimated usage; undefined if the provider was not asked */
  partial: ModelReply | undefined;
}

interface EndedCall {
  key: string;
  run: RunRef;
  step: string;
}

export interface FailCall extends EndedCall {
  epoch: number;
  error: CallError;
  /** ms until the same model is asked again, or `final` if it is not */
  next: { delayMs: number } | 'final';
}

export interface FinishCall extends EndedCall {
  epoch: number;
  reply: ModelReply;
  /** the step ends with this call */
  completesStep: boolean;
  /** keep the reply for equal requests of the same tenant */
  cache?: { tenant?: string; requestHash: string; ttlSeconds: number };
}

export interface FinishCachedCall extends EndedCall {
  model: ModelRef;
  /** the reply as the cache gave it */
  reply: ModelReply;
  /** default true */
  completesStep?: boolean;
}

/** The record of calls, by which a finished one is never paid again. */
export interface Journal {
  /**
   * Begins an attempt of a call, and holds its worst case on the budgets of its payers. A finished call gives its reply
   * and writes nothing. An attempt that never ended was lost with its worker: the next epoch says so to readers.
   */
  begin(call: BeginCall): Promise<Begun>;
  /** How a call ended, if it did: its reply, or the error it was given up with. */
  ended(key: string): Promise<{ reply: ModelReply } | { error: CallError } | undefined>;
  /** Takes over from another run that a call was given up, and tells nobody: nothing was asked. */
  takeFailure(call: EndedCall & { model: ModelRef; error: CallError }): Promise<void>;
  /** Ends an attempt without a reply. One that is not the newest any more changes nothing. */
  fail(call: FailCall): Promise<void>;
  /**
   * Reply, bill line, released money, cache and last events in one transaction. The first reply wins.
   * @returns the reply that counts
   */
  finish(call: FinishCall): Promise<ModelReply>;
  /** Ends an attempt that nobody waits for any more, and bills what it went through: the call itself stays unanswered. */
  abandon(call: AbandonCall): Promise<void>;
  /** Finishes a call with a reply that the cache had, at no cost. @returns the reply that counts */
  finishCached(call: FinishCachedCall): Promise<ModelReply>;
}

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

/** How events name a call: stable over its attempts. */
function shortId(key: string): string {
  return key.slice(0, 16);
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

function firstEvents({ step, model, fallback }: BeginCall, call: string): KeyedEvent[] {
  return [
    { type: 'step.started', step, key: stepKey('step.started', step) },
    ...(fallback ? [{ type: 'call.fallback' as const, step, call, ...fallback, to: model }] : []),
    { type: 'call.started', step, call, epoch: 1, model },
  ];
}

function lastEvents(
  place: { step: string; call: string; epoch: number },
  reply: ModelReply,
  completesStep: boolean,
): KeyedEvent[] {
  const { model, usage, costUsd, finishReason, cached, invalid, firstTokenMs, totalMs } = reply;
  return [
    ...(reply.toolCalls ?? []).map(
      ({ id, name, arguments: args }) => ({ type: 'call.toolcall', ...place, id, name, arguments: args }) as const,
    ),
    {
      ...{ type: 'call.completed', ...place, model, usage, costUsd, finishReason },
      ...{ cached, invalid, firstTokenMs, totalMs },
    },
    ...(completesStep
      ? [{ type: 'step.completed' as const, step: place.step, key: stepKey('step.completed', place.step) }]
      : []),
  ];
}
