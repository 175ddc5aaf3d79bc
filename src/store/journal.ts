import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { CallError, ModelReply, RunRef } from '../contract/index.ts';
import { overBudget, withoutPrice } from './budget-errors.ts';
import { firstEvents, lastEvents, shortId } from './call-events.ts';
import type { Database } from './database.ts';
import { type CallEnd, type KeyedEvent, lineOf, sealedLine, sealedRun, type Work, wholeRun } from './event-batch.ts';
import type { Followers } from './event-followers.ts';
import type { EventRow } from './event-rows.ts';
import type { EventWriter } from './event-writer.ts';
import { stepKey } from './events.ts';
import { called } from './functions.ts';
import type { Attempt, AttemptOutcome, BeginCall, Begun, Journal, OpenCall, Spent } from './journaled-calls.ts';
import { type Retrying, retrying, retryOutage } from './outage.ts';
import type { Sealing } from './sealing.ts';
import { storable, storableJson } from './storable-json.ts';

const NOTHING_SPENT = { usage: { inputTokens: 0, outputTokens: 0 }, costUsd: 0 };

type BeginAnswer =
  | { state: 'finished'; reply: ModelReply }
  | { state: 'cached'; reply: ModelReply }
  | (Omit<OpenCall, 'call' | 'heldUsd'> & { held?: number | null; written?: EventRow[]; deferred?: boolean })
  | { state: 'overBudget'; account: string; spent: number; reserved: number; budget: number }
  | { state: 'priceNeeded'; account: string };

/** A call's end with its reply, and what readers are told with it. */
interface Ending {
  run: RunRef;
  events: KeyedEvent[];
  end: CallEnd & { reply: ModelReply };
}

export function createJournal(
  db: Kysely<Database>,
  writer: EventWriter,
  followers: Followers,
  origin: string,
  waiting: Retrying,
  sealing: Sealing,
): Journal {
  /** Of runs whose last beginning is still to be told, until it is: what comes next is told after it. */
  const untold = new Map<string, Promise<unknown>>();

  function tell(work: Work): void {
    const { chain } = work.run;
    // What is refused here is refused of the model's words too, and the attempt fails by that.
    const told = writer.write(work).catch(() => {});
    untold.set(chain, told);
    void told.then(() => untold.get(chain) === told && untold.delete(chain));
  }

  /** Not through the writer: a beginning waits for no flush, and where no money is held for it, for no disk. */
  async function begin(begun: BeginCall): Promise<Begun> {
    const { key, run, step, model, worstCaseUsd: worst, others, shared } = begun;
    const call = shortId(key);
    const follow = followers.has(run.chain);
    // tells a repetition of this very request from another attempt
    const holder = randomUUID();
    const first = firstEvents(begun, call);
    const parameter = {
      ...{ key, others, call, step, model, origin, follow, run: sealedRun(wholeRun(run), sealing) },
      holder,
      accounts: accountsOf(run),
      shared: shared && { ...shared, hash: shared.requestHash, seconds: shared.leaseMs / 1_000 },
      first: first.map((event, index) => sealedLine(lineOf(event, index, 1), sealing)),
      lost: {
        type: 'ConnectionLost',
        message: 'The worker making this call was lost',
        step,
        model,
      } satisfies CallError,
    };
    const answerFor = async (usd: number | null): Promise<BeginAnswer> => {
      const given = storableJson({ ...parameter, worst: usd });
      const query = sql<{ answer: BeginAnswer }>`select ${called('begin_call')}(${given}::jsonb) as answer`;
      const { rows } = await retryOutage('journal.begin', () => query.execute(db), waiting);
      return rows[0]!.answer;
    };
    if (writer.ahead.has(run.chain)) {
      const { accounts } = parameter;
      const along = { key, step, model, holder, others, accounts, shared: parameter.shared };
      const written = await writer.write({ run, events: first, along });
      if (written?.overtaken) throw overtaken();
      if (written?.begun) return newCall(call, written.claimed);
    }
    await untold.get(run.chain);
    let worstCaseUsd = typeof worst === 'function' ? null : worst;
    let answer = await answerFor(worstCaseUsd);
    if (answer.state === 'priceNeeded' && typeof worst === 'function') {
      worstCaseUsd = worst();
      if (worstCaseUsd !== null) answer = await answerFor(worstCaseUsd);
    }
    if (answer.state === 'priceNeeded') return { state: 'overBudget', error: withoutPrice(begun, answer) };
    if (answer.state === 'finished' || answer.state === 'cached') return answer;
    if ('deferred' in answer && answer.deferred) {
      // While the model is asked; what it says comes after, by the same writer.
      tell({ run, events: first, begin: { key, step, model, holder } });
    } else {
      const written = 'written' in answer ? answer.written : undefined;
      followers.publish([run], written && follow ? [run] : [], written ?? []);
    }
    if (answer.state === 'overBudget') {
      const leftUsd = Number((answer.budget - answer.spent - answer.reserved).toFixed(12));
      return { state: 'overBudget', error: overBudget({ ...begun, worstCaseUsd }, answer), leftUsd };
    }
    const { epoch, failures, midStreamFailures, lost, held, claimed } = answer;
    const open = { epoch, call, failures, midStreamFailures, lost, heldUsd: held ?? undefined };
    return { state: 'open', ...open, ...(claimed ? { claimed } : {}) };
  }

  /** @returns the reply that counts */
  async function finish({ run, events, end }: Ending): Promise<ModelReply> {
    const written = await writer.write({ run, events, end });
    if (written?.overtaken) throw overtaken();
    if (written?.taken) return end.reply;
    const query = () => db.selectFrom('calls').select('reply').where('key', '=', end.key).executeTakeFirstOrThrow();
    const first = await retryOutage('journal.end', query, { ...waiting, patienceMs: Number.POSITIVE_INFINITY });
    return first.reply!;
  }

  function endOf({ key, run, step, model, epoch }: Attempt): CallEnd {
    return { key, call: shortId(key), step, model, epoch, accounts: accountsOf(run) };
  }

  function ending(attempt: Attempt, outcome: Extract<AttemptOutcome, { reply: ModelReply }>): Ending {
    const { run, step, epoch } = attempt;
    const { completesStep, cache, savedUsd, unheard } = outcome;
    const reply = storable(outcome.reply);
    const { usage, costUsd, estimated = false, batched } = reply;
    const place = { step, call: shortId(attempt.key), epoch };
    const events = [
      ...(unheard ? [{ type: 'call.delta' as const, ...place, text: reply.text }] : []),
      ...lastEvents(place, reply, completesStep),
    ];
    const spent = spentLine({ usage, costUsd, estimated, savedUsd, batched });
    const entry = cache && { tenant: cache.tenant ?? '', hash: cache.requestHash, ttl: cache.ttlSeconds };
    return { run, events, end: { ...endOf(attempt), spent, cache: entry, reply } };
  }

  async function ended(key: string) {
    const row = await db
      .selectFrom('calls')
      .select(['state', 'reply', 'error'])
      .where('key', '=', key)
      .executeTakeFirst();
    if (row?.state === 'finished') return { reply: row.reply! };
    return row?.state === 'failed' ? { error: row.error! } : undefined;
  }

  async function lost({ key }: Parameters<Journal['lost']>[0]) {
    const { rows } = await sql<{ lost: OpenCall['lost'] }>`
      select ${called('lost_attempts')}(chain, key, ${shortId(key)}, epoch + 1) as lost
      from calls where key = ${key} and state = 'open'`.execute(db);
    return rows[0]?.lost ?? [];
  }

  async function takeFailure({ key, run, step, model, error }: Parameters<Journal['takeFailure']>[0]) {
    const row = { key, chain: run.chain, step, model, state: 'failed' as const, epoch: 1, failures: 1 };
    const now = new Date();
    await db
      .insertInto('calls')
      .values({ ...row, error: storableJson(sealing.fields(error)), started_at: now, ended_at: now })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  return {
    begin,
    ...retrying('journal', { ended, lost, takeFailure }, waiting),
    async end(attempt, outcome) {
      if ('reply' in outcome) return (await finish(ending(attempt, outcome))) as never;
      const { run, step, model, epoch } = attempt;
      const end = endOf(attempt);
      const place = { step, call: end.call, epoch };
      const { error, next, spent, by } = outcome;
      const { usage, costUsd } = spent ?? NOTHING_SPENT;
      await writer.write({
        run,
        events: by ? [{ type: 'call.abandoned', ...place, model, by, usage, costUsd }] : [],
        end: {
          ...{ ...end, error, final: next === 'final', spent: spent && spentLine(spent) },
          delayMs: next === 'final' ? undefined : next.delayMs,
        },
      });
      return undefined as never;
    },
    endAhead(attempt, outcome) {
      const { run, events, end } = ending(attempt, outcome);
      const written = writer.write({ run, events, end: { ...end, ahead: true } });
      return { reply: end.reply, written: written.then(() => {}) };
    },
    ahead: writer.ahead,
    async book(attempt, spent) {
      await writer.write({ run: attempt.run, events: [], end: { ...endOf(attempt), spent: spentLine(spent) } });
    },
    finishCached({ key, run, step, model, reply: found, completesStep = true, nearest }) {
      const attempt = { key, run, step, model, epoch: 1 };
      const end = endOf(attempt);
      const place = { step, call: end.call, epoch: 1 };
      const reply: ModelReply = { ...found, costUsd: 0, cached: true, batched: undefined };
      const spent = spentLine({ usage: reply.usage, costUsd: 0, estimated: false, savedUsd: found.costUsd }, true);
      const events: KeyedEvent[] = [
        { type: 'step.started', step, key: stepKey('step.started', step) },
        { type: 'call.cached', ...place, model, savedUsd: found.costUsd, usage: found.usage, ...nearest },
        { type: 'call.delta', ...place, text: found.text },
        ...lastEvents(place, reply, completesStep),
      ];
      return finish({ run, events, end: { ...end, spent, reply } });
    },
  };
}

function newCall(call: string, claimed?: boolean): OpenCall {
  const open = { state: 'open', epoch: 1, call, failures: 0, midStreamFailures: 0 } as const;
  return { ...open, lost: [], ...(claimed ? { claimed } : {}) };
}

const overtaken = () => new Error('Another worker has this run: what was done here since is not written');

/** As `book_attempt` takes it. */
function spentLine({ usage, costUsd, estimated, savedUsd, batched }: Spent, cached = false): CallEnd['spent'] {
  const line = { usage, cost: costUsd ?? undefined, saved: savedUsd ?? undefined, estimated, cached };
  return batched ? { ...line, batch: true } : line;
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
