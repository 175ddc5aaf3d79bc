import { CancelledFailure, Context } from '@temporalio/activity';
import {
  type CallError,
  type ModelCall,
  type ModelRef,
  type ModelReply,
  type ModelRequest,
  type NewEvent,
  providerOf,
  repeatAfter,
} from '../contract/index.ts';
import { estimateUsage, ProviderError, priceOf, worstCase } from '../providers/index.ts';
import type { Spent } from '../store/index.ts';
import { failureOf, type Next } from './after-failure.ts';
import { callKey, hashOfRequest } from './call-key.ts';
import { ClockRanOut, timeoutError } from './clocks.ts';
import { earlierAnswer } from './earlier-answer.ts';
import { heartbeat } from './heartbeat.ts';
import type { Rooms } from './rooms.ts';
import { sharedAnswers } from './shared-answers.ts';
import { AttemptFailed, streamReply } from './stream-reply.ts';
import { wholeRequest } from './transcripts.ts';

/**
 * Makes one request to one model, or returns what the same call already gave.
 *
 *   fork? cache? --> journal: finished? --> reserve --> equal call in flight? --> provider --> one transaction --> reply
 *
 * @throws ApplicationFailure of a contract error type, with `nextRetryDelay` where the same model is to be asked again
 */
export function createCallModel(rooms: Rooms): (call: ModelCall, request: ModelRequest) => Promise<ModelReply> {
  const callOnce = createCallOnce(rooms);
  return (call, request) => callOnce(call, request, { signal: Context.current().cancellationSignal });
}

interface Listening {
  /** ends the request; with a `HedgeLost`, another call of the same activity goes on */
  signal: AbortSignal;
  onFirstToken?(): void;
}

/** Why a call is ended whose words nobody waits for any more. */
export class HedgeLost extends Error {
  readonly by: ModelRef;

  constructor(by: ModelRef) {
    super(`${by} was quicker`);
    this.by = by;
  }
}

/** The same for one of several calls that an activity makes. */
export function createCallOnce(
  rooms: Rooms,
): (call: ModelCall, request: ModelRequest, listening: Listening) => Promise<ModelReply> {
  const { store, config } = rooms;
  return async (call, request, { signal, onFirstToken }) => {
    const begunAt = performance.now();
    const requestHash = hashOfRequest(request);
    const place = { key: callKey(call, requestHash), run: call.run, step: call.step, model: call.model };
    const shared = sharedAnswers(store.cache, call, requestHash, place.key);

    const earlier = await earlierAnswer(store, call, requestHash);
    if (earlier && 'error' in earlier) {
      await store.journal.takeFailure({ ...place, error: earlier.error });
      throw failureOf(earlier.error, 'final');
    }
    if (earlier) return answeredBefore(earlier.reply);
    const cached = await shared?.find();
    if (cached) return answeredBefore(cached);

    const whole = await wholeRequest(store, request);
    const worstCaseUsd = () => worstCase(call.model, whole, config.prices);
    const begun = await store.journal.begin({ ...place, fallback: call.fallback, worstCaseUsd });
    if (begun.state === 'finished') return forHistory(begun.reply);
    if (begun.state === 'overBudget') throw failureOf(begun.error, 'final');

    const attempt = { ...place, epoch: begun.epoch };
    for (const { epoch, streamed } of begun.lost) await store.journal.book({ ...place, epoch }, estimated(streamed));
    const stopHeartbeat = heartbeat(() => shared?.hold());
    let midStream = false;
    let said: string | undefined;
    try {
      const theirs = await shared?.join(signal);
      if (theirs && 'reply' in theirs) return await answeredBefore(theirs.reply);
      if (theirs) throw new ProviderError(theirs.failed);
      signal.throwIfAborted();
      said = '';
      const reply = await streamReply(rooms, {
        call,
        request: whole,
        signal,
        emit: (event) => {
          if ('text' in event) said += event.text;
          return store.events.append(call.run, [
            { ...event, step: call.step, call: begun.call, epoch: begun.epoch } as NewEvent,
          ]);
        },
        onFirstToken: () => {
          midStream = true;
          onFirstToken?.();
        },
      });
      const usable = reply.invalid === undefined;
      const cache = usable && isWhole(reply) ? shared?.entry : undefined;
      const completesStep = usable && !call.checkedAfter;
      const kept = await store.journal.end(attempt, { reply, completesStep, cache });
      if (!cache) await shared?.release();
      return forHistory(kept);
    } catch (failed) {
      const thrown = failed instanceof AttemptFailed ? failed.cause : failed;
      if (signal.aborted) throw await stopped(signal.reason);
      const error = errorOf(thrown);
      const repeatMs = repeatAfter({ error, ...begun, now: Date.now() }, call);
      const next: Next = repeatMs === undefined ? 'final' : { delayMs: repeatMs };
      await store.journal.end(attempt, { error, next, spent: midStream ? spentSoFar() : undefined });
      await (next === 'final' ? shared?.release(error) : shared?.hold(next.delayMs));
      throw failureOf(error, next);
    } finally {
      stopHeartbeat();
    }

    /** An answer that somebody paid for already: free, and here as soon as it was found. */
    async function answeredBefore(found: ModelReply): Promise<ModelReply> {
      const sinceBegun = Math.round(performance.now() - begunAt);
      const reply = { ...found, firstTokenMs: sinceBegun, totalMs: sinceBegun };
      const completesStep = found.invalid === undefined && !call.checkedAfter;
      return forHistory(await store.journal.finishCached({ ...place, reply, completesStep }));
    }

    /** Cancelled by a person: the call ends. Stopped with its worker: another worker repeats it. */
    async function stopped(reason: unknown): Promise<unknown> {
      await shared?.release();
      if (reason instanceof HedgeLost) {
        const error: CallError = { type: 'Cancelled', message: reason.message, model: call.model, step: call.step };
        await store.journal.end(attempt, { error, next: 'final', spent: spentSoFar(), by: reason.by });
        return failureOf(error, 'final');
      }
      if (!(reason instanceof CancelledFailure) || reason.message !== 'CANCELLED') {
        const error: CallError = { type: 'ConnectionLost', message: 'The worker making this call was stopped' };
        return failureOf(error, { delayMs: 0 });
      }
      const error: CallError = { type: 'Cancelled', message: 'The run was cancelled' };
      await store.journal.end(attempt, { error, next: 'final', spent: spentSoFar() });
      return reason;
    }

    /** Nothing is paid for a call that only waited for an equal one. */
    function spentSoFar(): Spent | undefined {
      return said === undefined ? undefined : estimated(said);
    }

    function estimated(text: string): Spent {
      const usage = estimateUsage(whole, text);
      return { usage, costUsd: priceOf(call.model, usage, config.prices), estimated: true };
    }

    function errorOf(thrown: unknown): CallError {
      const model = call.model;
      const provider = providerOf(model);
      if (thrown instanceof ProviderError)
        return { provider, model, ...thrown.error, ...(midStream ? { midStream } : {}) };
      const error =
        thrown instanceof ClockRanOut
          ? timeoutError(thrown, provider, model)
          : rooms.providers.open(model).asCallError(thrown, model);
      return { ...error, model, ...(midStream ? { midStream } : {}) };
    }
  };
}

function isWhole(reply: ModelReply): boolean {
  return reply.finishReason === 'stop' || reply.finishReason === 'toolCalls';
}

/** What the workflow goes on with. Thoughts stay in the event log, unless the provider wants them back with its tool calls. */
function forHistory(reply: ModelReply): ModelReply {
  if (reply.toolCalls) return reply;
  const { reasoning: _, reasoningSignature: __, ...rest } = reply;
  return rest;
}
