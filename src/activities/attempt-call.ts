import { CancelledFailure } from '@temporalio/activity';
import {
  type CallError,
  isDeclined,
  type ModelCall,
  type ModelRef,
  type ModelReply,
  type ModelRequest,
  type NewEvent,
  providerOf,
  repeatAfter,
  withoutUndefined,
} from '../contract/index.ts';
import { cacheSaving, ProviderError, worstInput } from '../providers/index.ts';
import { type AttemptOutcome, isStoreError, type OpenCall, type Spent } from '../store/index.ts';
import { type Admission, admit, PutOff } from './admission.ts';
import { awaitStore } from './await-store.ts';
import { backgroundAnswer } from './background-answer.ts';
import type { BatchedCalls } from './batches/batched-call.ts';
import { ClockRanOut, timeoutError } from './clocks.ts';
import { failureOf, type Next } from './failure.ts';
import { observeAttempt } from './observe-calls.ts';
import type { Rooms } from './rooms.ts';
import type { SharedAnswers } from './shared-answers.ts';
import type { SimilarAnswers } from './similar-answers.ts';
import { AttemptFailed, streamReply } from './stream-reply.ts';
import { keepAnswer, type WholeRequest } from './whole-request.ts';

/** An answer that was paid for is kept whatever is cancelled meanwhile. */
const NEVER = new AbortController().signal;

export interface Listening {
  /** ends the request; with a `HedgeLost`, another call of the same activity goes on */
  signal: AbortSignal;
  onFirstToken?(): void;
  /** another call of the same activity is under way: a failure of this one is not repeated here */
  isHedged?(): boolean;
  /** waits for limits here, however long that takes: whoever calls has slots for it */
  waitsHere?: boolean;
  /** whoever calls goes on with an answer before it is kept */
  goesAhead?: boolean;
}

/** Why a call is ended whose words nobody waits for any more. */
export class HedgeLost extends Error {
  readonly by: ModelRef;

  constructor(by: ModelRef) {
    super(`${by} was quicker`);
    this.by = by;
  }
}

/** What an attempt has of the call it is one of. */
export interface CallUnderWay {
  call: ModelCall;
  place: Pick<ModelCall, 'run' | 'step' | 'model'> & { key: string };
  listening: Listening;
  /** ms since 1970 */
  now(): number;
  shared?: SharedAnswers;
  similar?: SimilarAnswers;
  batched?: BatchedCalls;
  /** Books what attempts had streamed that were lost with their workers. */
  bookLost(lost: OpenCall['lost'], request: ModelRequest): Promise<void>;
  /** The answer somebody else paid for becomes that of this call. */
  takeOver(reply: ModelReply): Promise<ModelReply>;
  forHistory(reply: ModelReply): ModelReply;
}

/**
 * One attempt of a call, from its beginning in the journal to its end there, whatever becomes of it.
 *
 *   equal call in flight? --> limits, circuit --> provider --> one transaction: answer | error --> reply | failure
 *
 * @throws ApplicationFailure of a contract error type, with `nextRetryDelay` where the same model is to be asked again
 */
export async function attemptCall(
  rooms: Rooms,
  under: CallUnderWay,
  { request: whole, answerAt }: WholeRequest,
  begun: OpenCall,
): Promise<ModelReply> {
  const { store, config, providers } = rooms;
  const { journal, events } = store;
  const { call, place, listening, now, shared, similar, batched } = under;
  const { bookLost, takeOver, forHistory } = under;
  const { signal, onFirstToken, isHedged, waitsHere, goesAhead } = listening;
  const { run, step, model } = place;
  const { epoch } = begun;
  const mine = { ...place, epoch };
  const background = await backgroundAnswer(rooms, call, mine, { signal, onGone: bookGone });
  // What was lost with a worker is booked, unless it goes on: then it is booked once, by who hears its end.
  if (!background?.id()) await bookLost(begun.lost, whole);
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
        background,
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

  /** An answer that is not there any more was heard by several attempts, each from its beginning: it is booked once. */
  async function bookGone(): Promise<void> {
    const heard = await awaitStore(signal, () => journal.lost(mine));
    const [longest] = heard.toSorted((one, other) => other.streamed.length - one.streamed.length);
    if (longest) await bookLost([longest], whole);
  }

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
    const outcome = { reply: answer, savedUsd, completesStep: completesStep(call, answer), cache: entry };
    // One that was begun before, or has more to do when it is kept, is waited for.
    const isPlain = epoch === 1 && !background && !batched && !similar && !answerAt && (!shared || entry !== undefined);
    if (goesAhead && isPlain) return forHistory(endAhead(outcome));
    const kept = await journal.end(mine, outcome).catch((refused: unknown) => unwritable(answer, refused));
    await background?.forget();
    if (!entry) await shared?.release();
    else await similar?.keep();
    return forHistory(kept!);
  }

  function endAhead(outcome: Parameters<typeof journal.endAhead>[1]): ModelReply {
    const { reply: kept, written } = journal.endAhead(mine, outcome);
    written.catch((refused) => rooms.log.error({ error: String(refused), run: run.id, step }, 'An answer is not kept'));
    return kept;
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
    const goesOn = background?.id() !== undefined;
    const told = errorOf(cause, isSpeaking);
    // What goes on is not paid again by being heard again.
    const error = goesOn ? withoutUndefined({ ...told, midStream: undefined }) : told;
    admission?.end({ usage, error });
    const delayMs = isHedged?.() ? undefined : repeatAfter({ error, ...begun, now: now() }, call);
    const next: Next = delayMs === undefined ? 'final' : { delayMs };
    if (next === 'final') void background?.cancel();
    await journal.end(mine, { error, next, spent: goesOn && next !== 'final' ? undefined : spent });
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
    void background?.cancel();
    await journal.end(mine, { error, next: 'final', spent, by } satisfies AttemptOutcome);
    return isCancelled ? reason : failureOf(error, 'final');
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
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof AttemptFailed ? thrown.cause : thrown;
}

function spentBy(thrown: unknown): Spent | undefined {
  if (!(thrown instanceof AttemptFailed) || !thrown.partial) return undefined;
  const { usage, costUsd, estimated } = thrown.partial;
  return { usage, costUsd, estimated };
}

/** Nothing that comes after can refuse the answer: else whoever accepts it tells of the step's end, or of its failure. */
export function completesStep({ checkedAfter }: ModelCall, reply: ModelReply): boolean {
  return reply.invalid === undefined && !checkedAfter && !isDeclined(reply);
}

/** An answer that equal requests may get too: to the end, and not empty. */
export function isWhole({ finishReason, text, toolCalls, invalid }: ModelReply): boolean {
  if (invalid !== undefined) return false;
  return finishReason === 'toolCalls' || (finishReason === 'stop' && (text.trim() !== '' || toolCalls !== undefined));
}
