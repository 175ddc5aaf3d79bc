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
  withoutUndefined,
} from '../contract/index.ts';
import {
  cacheSaving,
  estimateUsage,
  limitWithin,
  ProviderError,
  priceOf,
  worstCase,
  worstInput,
} from '../providers/index.ts';
import { type AttemptOutcome, isStoreError, type OpenCall, type Spent } from '../store/index.ts';
import { type Admission, admit, PutOff } from './admission.ts';
import { awaitStore } from './await-store.ts';
import { type BatchedCalls, createBatchedCalls } from './batches/batched-call.ts';
import { callKey, hashOfRequest } from './call-key.ts';
import { ClockRanOut, timeoutError } from './clocks.ts';
import { earlierAnswer } from './earlier-answer.ts';
import { failureOf, type Next } from './failure.ts';
import { heartbeat } from './heartbeat.ts';
import { observeAttempt } from './observe-calls.ts';
import type { Rooms } from './rooms.ts';
import { sharedAnswers } from './shared-answers.ts';
import { type FoundSimilar, similarAnswers } from './similar-answers.ts';
import { AttemptFailed, streamReply } from './stream-reply.ts';
import { keepAnswer, type WholeRequest, wholeRequest, withoutSignatures } from './whole-request.ts';

/** An answer that was paid for is kept whatever is cancelled meanwhile. */
const NEVER = new AbortController().signal;

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
  { quiet = false, waitsHere }: { quiet?: boolean } & Pick<Listening, 'waitsHere'> = {},
): (call: ModelCall, request: ModelRequest) => Promise<ModelReply> {
  const callOnce = createCallOnce(rooms, quiet);
  return (call, request) => callOnce(call, request, { waitsHere, signal: Context.current().cancellationSignal });
}

interface Listening {
  /** ends the request; with a `HedgeLost`, another call of the same activity goes on */
  signal: AbortSignal;
  onFirstToken?(): void;
  /** another call of the same activity is under way: a failure of this one is not repeated here */
  isHedged?(): boolean;
  /** waits for limits here, however long that takes: whoever calls has slots for it */
  waitsHere?: boolean;
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
  quiet = false,
): (call: ModelCall, request: ModelRequest, listening: Listening) => Promise<ModelReply> {
  const { store, config, providers } = rooms;
  const { journal, cache, events } = store;
  const openBatched = createBatchedCalls(rooms, quiet);

  return async (call, request, { signal, onFirstToken, isHedged, waitsHere = isHedged !== undefined }) => {
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
    const completesStep = ({ invalid }: ModelReply) => invalid === undefined && !call.checkedAfter;

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
      return await attempt({ ...whole, request: limited(whole.request, begun) }, begun);
    } finally {
      stopHeartbeat();
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
      const kept = () => journal.finishCached({ ...place, reply, completesStep: completesStep(found), nearest });
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

    async function attempt({ request: whole, answerAt }: WholeRequest, begun: OpenCall): Promise<ModelReply> {
      const { epoch } = begun;
      const mine = { ...place, epoch };
      await bookLost(begun.lost, whole);
      if (call.fallback && epoch === 1) rooms.metrics?.fellBack(model, call.fallback.error);
      await batched?.add(whole, epoch, answerAt);
      let isSpeaking = false;
      let admission: Admission | undefined;
      let reply: ModelReply;
      try {
        const theirs = begun.claimed || batched ? undefined : await shared?.join(signal);
        if (theirs && 'reply' in theirs) return await takeOver(theirs.reply);
        if (theirs) throw new ProviderError(theirs.failed);
        signal.throwIfAborted();
        const emit = (event: NewEvent) => events.append(run, [{ ...event, step, call: begun.call, epoch } as NewEvent]);
        admission = await admitted(whole, emit);
        const { maxOutputTokens, onHeaders, onFirstToken: admittedFirstToken } = admission;
        const sent = { ...whole, maxOutputTokens: whole.maxOutputTokens ?? maxOutputTokens };
        const ask = () =>
          streamReply(rooms, {
            call,
            request: sent,
            signal,
            emit,
            onHeaders,
            onFirstToken: () => {
              isSpeaking = true;
              admittedFirstToken();
              onFirstToken?.();
            },
          });
        const asked = { run, step, model, operation: 'chat', epoch, request: sent } as const;
        reply = await observeAttempt(rooms, asked, ask, {
          answer: (said) => ({ reply: said, ...said }),
          thrown: (thrown) => ({ ...spentBy(thrown), error: errorOf(causeOf(thrown), isSpeaking) }),
        });
        reply = withoutUndefined({ ...reply, waitedMs: admission.waitedMs });
        const isTypical = whole.maxOutputTokens === undefined && reply.finishReason !== 'length';
        admission.end({ usage: reply.usage, isTypical });
      } catch (thrown) {
        throw await failed(thrown);
      }
      return finish(reply);

      function admitted(sent: ModelRequest, emit: (event: NewEvent) => Promise<void>): Promise<Admission> {
        const { maxRetryAfterMs, timeouts, unasked: others } = call;
        const probeMs = timeouts.connectMs + timeouts.firstTokenMs;
        return admit(rooms, {
          ...{ key: place.key, model, run, signal, others, maxRetryAfterMs, probeMs, waitsHere },
          need: () => ({ input: worstInput(model, sent), output: sent.maxOutputTokens }),
          tell: (event) => void emit(event).catch(() => {}),
        });
      }

      async function finish(said: ModelReply): Promise<ModelReply> {
        const answer = answerAt ? await awaitStore(NEVER, () => keepAnswer(store, answerAt, said)) : said;
        const entry = isWhole(answer) ? shared?.entry : undefined;
        const savedUsd = cacheSaving(model, answer.usage, config.prices);
        const outcome = { reply: answer, savedUsd, completesStep: completesStep(answer), cache: entry };
        const kept = await journal.end(mine, outcome).catch((refused: unknown) => unwritable(answer, refused));
        if (!entry) await shared?.release();
        else await similar?.keep();
        return forHistory(kept!);
      }

      /** It was paid for, and cannot be kept: asking again would only be paid for again. */
      async function unwritable(answer: ModelReply, refused: unknown): Promise<never> {
        if (isStoreError(refused)) throw refused;
        rooms.log.error({ error: String(refused), run: run.id, step }, 'The store refused an answer');
        const error: CallError = { type: 'InvalidOutput', message: `The answer of ${model} cannot be stored`, model };
        const { usage, costUsd, estimated = false } = answer;
        await journal.end(mine, { error, next: 'final', spent: { usage, costUsd, estimated } });
        throw failureOf(error, 'final');
      }

      async function failed(thrown: unknown): Promise<unknown> {
        const spent = spentBy(thrown);
        const { usage } = spent ?? {};
        const cause = causeOf(thrown);
        if (signal.aborted || isStoreError(cause)) {
          admission?.end({ usage, isAborted: true });
          return signal.aborted ? stopped(signal.reason, spent) : cause;
        }
        if (cause instanceof PutOff) {
          const { error, delayMs } = cause;
          await journal.end(mine, { error, next: { delayMs } });
          await shared?.hold(delayMs);
          return failureOf(error, { delayMs });
        }
        const error = errorOf(cause, isSpeaking);
        admission?.end({ usage, error });
        const delayMs = isHedged?.() ? undefined : repeatAfter({ error, ...begun, now: now() }, call);
        const next: Next = delayMs === undefined ? 'final' : { delayMs };
        await journal.end(mine, { error, next, spent });
        await (next === 'final' ? shared?.release(error) : shared?.hold(next.delayMs));
        return failureOf(error, next);
      }

      /** Cancelled by a person or by a quicker model: the call ends. Stopped with its worker: another worker repeats it. */
      async function stopped(reason: unknown, spent: Spent | undefined): Promise<unknown> {
        const by = reason instanceof HedgeLost ? reason.by : undefined;
        const isCancelled = reason instanceof CancelledFailure && reason.message === 'CANCELLED';
        await shared?.release();
        if (!by && !isCancelled) {
          const error: CallError = { type: 'ConnectionLost', message: 'The worker making this call was stopped' };
          return failureOf(error, { delayMs: 0 });
        }
        const message = by ? `${by} was quicker` : 'The run was cancelled';
        const error: CallError = { type: 'Cancelled', message, model };
        await journal.end(mine, { error, next: 'final', spent, by } satisfies AttemptOutcome);
        return isCancelled ? reason : failureOf(error, 'final');
      }
    }

    /** What attempts went through that were lost with their workers. */
    async function bookLost(lost: OpenCall['lost'], known?: ModelRequest): Promise<void> {
      if (lost.length > 0) rooms.metrics?.attemptsLost(model, lost.length);
      for (const { epoch, streamed } of lost) {
        const whole = known ?? (await awaitStore(signal, () => wholeRequest(store, request))).request;
        const usage = estimateUsage(whole, streamed);
        const spent: Spent = { usage, costUsd: priceOf(model, usage, config.prices), estimated: true };
        await awaitStore(signal, () => journal.book({ ...place, epoch }, spent));
      }
    }

    function errorOf(thrown: unknown, midStream: boolean): CallError {
      const provider = providerOf(model);
      const told = midStream ? { midStream } : {};
      if (thrown instanceof ProviderError) return { provider, model, ...thrown.error, ...told };
      const error =
        thrown instanceof ClockRanOut
          ? timeoutError(thrown, provider, model)
          : providers.open(model).asCallError(thrown, model);
      return { ...error, model, ...told };
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

function causeOf(thrown: unknown): unknown {
  return thrown instanceof AttemptFailed ? thrown.cause : thrown;
}

function spentBy(thrown: unknown): Spent | undefined {
  if (!(thrown instanceof AttemptFailed) || !thrown.partial) return undefined;
  const { usage, costUsd, estimated } = thrown.partial;
  return { usage, costUsd, estimated };
}

/** An answer that equal requests may get too: to the end, and not empty. */
export function isWhole({ finishReason, text, toolCalls, invalid }: ModelReply): boolean {
  if (invalid !== undefined) return false;
  return finishReason === 'toolCalls' || (finishReason === 'stop' && (text.trim() !== '' || toolCalls !== undefined));
}
