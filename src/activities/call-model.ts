import { Context } from '@temporalio/activity';
import type { ModelCall, ModelReply, ModelRequest } from '../contract/index.ts';
import { limitWithin, worstCase } from '../providers/index.ts';
import type { OpenCall } from '../store/index.ts';
import { attemptCall, type CallUnderWay, completesStep, type Listening } from './attempt-call.ts';
import { awaitStore } from './await-store.ts';
import { type BatchedCalls, createBatchedCalls } from './batches/batched-call.ts';
import { bookAttempts } from './book-lost.ts';
import { callKey, hashOfRequest } from './call-key.ts';
import { earlierAnswer } from './earlier-answer.ts';
import { failureOf } from './failure.ts';
import { heartbeat } from './heartbeat.ts';
import type { Rooms } from './rooms.ts';
import { sharedAnswers } from './shared-answers.ts';
import { type FoundSimilar, similarAnswers } from './similar-answers.ts';
import { wholeRequest, withoutSignatures } from './whole-request.ts';

/**
 * Makes one request to one model, or returns what the same call already gave.
 *
 *   fork? cache? --> journal: finished? --> reserve --> equal call in flight? --> provider --> one transaction --> reply
 *
 * @param quiet nobody reads the words of the answer as they come
 * @throws ApplicationFailure of a contract error type, with `nextRetryDelay` where the same model is to be asked again, or
 *   of type `InBatch` where the answer is to come with a batch (see batches/batched-call.ts)
 */
export function createCallModel(
  rooms: Rooms,
  { quiet = false, waitsHere, goesAhead }: { quiet?: boolean } & Pick<Listening, 'waitsHere' | 'goesAhead'> = {},
): (call: ModelCall, request: ModelRequest) => Promise<ModelReply> {
  const callOnce = createCallOnce(rooms, quiet);
  return (call, request) =>
    callOnce(call, request, { waitsHere, goesAhead, signal: Context.current().cancellationSignal });
}

/** The same for one of several calls that an activity makes. */
export function createCallOnce(
  rooms: Rooms,
  quiet = false,
): (call: ModelCall, request: ModelRequest, listening: Listening) => Promise<ModelReply> {
  const { store, config } = rooms;
  const { journal, cache } = store;
  const openBatched = createBatchedCalls(rooms, quiet);

  return async (call, request, { signal, onFirstToken, isHedged, waitsHere = isHedged !== undefined, goesAhead }) => {
    const { run, step, model } = call;
    const begunAt = performance.now();
    const now = clock(begunAt);
    const requestHash = hashOfRequest(request);
    const place = { key: callKey(call, requestHash), run, step, model };
    const shared = sharedAnswers(cache, call, requestHash, place.key);
    const similar = similarAnswers(rooms, call, request, shared, signal);
    let nearest: FoundSimilar['nearest'] | undefined;
    let batched: BatchedCalls | undefined;
    // What is named by reference becomes lines of a transcript: not of a call that is not made.
    const byName = request.transcript || request.toolset !== undefined;

    const stopHeartbeat = heartbeat(() => shared?.hold());
    // One that waits in a batch is made for nobody else: equal ones wait with it.
    const atBegin = () => (byName || batched || similar ? undefined : shared?.atBegin);
    try {
      batched = await openBatched(
        call,
        request,
        { ...place, requestHash, sharedAs: shared?.atBegin?.requestHash },
        signal,
      );
      const found = await awaitStore(signal, answeredBefore);
      if (found) return await takeOverWith(found);
      const near = await similar?.find();
      nearest = near?.nearest;
      if (near) return await takeOverWith(near.reply);
      const whole = await awaitStore(signal, () => wholeRequest(store, request));
      const begun = await awaitStore(signal, () => begin(whole.request));
      if (begun.state === 'finished') return forHistory(begun.reply);
      if (begun.state === 'cached') return await takeOverWith(begun.reply);
      return await attemptCall(rooms, underWay(batched), { ...whole, request: limited(whole.request, begun) }, begun);
    } finally {
      stopHeartbeat();
    }

    function underWay(batches: BatchedCalls | undefined): CallUnderWay {
      const listening = { signal, onFirstToken, isHedged, waitsHere, goesAhead };
      const here = { call, place, listening, now, shared, similar, batched: batches };
      return { ...here, bookLost, takeOver, forHistory };
    }

    /** What earlier attempts had streamed is booked first. */
    async function takeOverWith(found: ModelReply): Promise<ModelReply> {
      await bookLost(await awaitStore(signal, () => journal.lost(place)));
      return takeOver(found);
    }

    /** What somebody paid for already: in the run this one is a fork of, or by an equal request. */
    async function answeredBefore(): Promise<ModelReply | undefined> {
      if (call.evict) await cache.evict({ ...call.evict, tenant: run.tenant });
      const earlier = await earlierAnswer(store, call, requestHash);
      if (earlier && 'error' in earlier) {
        await journal.takeFailure({ ...place, error: earlier.error });
        throw failureOf(earlier.error, 'final');
      }
      return earlier?.reply ?? (atBegin() ? undefined : shared?.find());
    }

    /** It is free, and here as soon as it was found. */
    async function takeOver(found: ModelReply): Promise<ModelReply> {
      const sinceBegun = Math.round(performance.now() - begunAt);
      const reply = { ...found, firstTokenMs: sinceBegun, totalMs: sinceBegun };
      const kept = () => journal.finishCached({ ...place, reply, completesStep: completesStep(call, found), nearest });
      rooms.metrics?.cacheHit(found.model, found.costUsd);
      return forHistory(await awaitStore(signal, kept));
    }

    /** @throws BudgetExceeded */
    async function begin(whole: ModelRequest) {
      const reserve = (asked: ModelRequest) =>
        journal.begin({
          ...place,
          fallback: call.fallback,
          shared: atBegin(),
          others: call.unasked?.map((other) => callKey({ ...call, model: other }, requestHash)),
          worstCaseUsd: () => worstCase(model, asked, config.prices),
        });
      let begun = await reserve(whole);
      if (begun.state === 'overBudget' && whole.maxOutputTokens === undefined && begun.leftUsd !== undefined) {
        const maxOutputTokens = limitWithin(begun.leftUsd, model, whole, config.prices);
        if (maxOutputTokens !== undefined) begun = await reserve({ ...whole, maxOutputTokens });
      }
      if (begun.state === 'overBudget') throw failureOf(begun.error, 'final');
      return begun;
    }

    /** Where money is held, the limit it is held for is the limit that is sent. */
    function limited(whole: ModelRequest, { heldUsd }: OpenCall): ModelRequest {
      if (heldUsd === undefined || whole.maxOutputTokens !== undefined) return whole;
      return { ...whole, maxOutputTokens: limitWithin(heldUsd, model, whole, config.prices) };
    }

    /** What attempts went through that were lost with their workers. */
    function bookLost(lost: OpenCall['lost'], known?: ModelRequest): Promise<void> {
      const whole = async () => known ?? (await awaitStore(signal, () => wholeRequest(store, request))).request;
      return bookAttempts(rooms, place, lost, whole, signal);
    }

    /** What the workflow goes on with. Thoughts stay in the event log, unless the provider wants them back with its tool calls. */
    function forHistory(reply: ModelReply): ModelReply {
      // Only answers the workflow has a check of its own for may be refused by it.
      const isChecked = request.schema !== undefined || call.checkedAfter;
      const whole = shared && isChecked ? { ...reply, cachedAs: nearest?.of ?? shared.entry.requestHash } : reply;
      if (reply.toolCalls && !reply.keptAt) return whole;
      const { reasoning: _, reasoningSignature: __, ...rest } = whole;
      return reply.toolCalls ? withoutSignatures(rest, reply.toolCalls) : rest;
    }
  };
}

/** Ms since 1970 by Temporal's clock, as the step's deadline is: a worker's own may be off. A local activity is timed by
 *  its worker, and told the same time at each attempt: that of the first. */
function clock(begunAt: number): () => number {
  const { isLocal, currentAttemptScheduledTimestampMs } = Context.current().info;
  const began = isLocal ? Date.now() : currentAttemptScheduledTimestampMs;
  return () => began + performance.now() - begunAt;
}
