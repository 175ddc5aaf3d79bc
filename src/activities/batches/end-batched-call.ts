import { type CallError, type ModelReply, providerOf } from '../../contract/index.ts';
import { type BatchResult, batchPriceOf, cacheSaving, ProviderError, priceOf } from '../../providers/index.ts';
import type { Attempt, CallOfBatch, Spent } from '../../store/index.ts';
import { type ModelOutcome, OPERATION } from '../../telemetry/index.ts';
import { completesStep, isWhole } from '../attempt-call.ts';
import type { Rooms } from '../rooms.ts';
import { sharedAnswers } from '../shared-answers.ts';
import { AttemptFailed, streamReply } from '../stream-reply.ts';
import { keepAnswer } from '../whole-request.ts';

/** An answer that was paid for is kept whatever is cancelled meanwhile. */
const NEVER = new AbortController().signal;

/** Ends the attempts of calls that were in a batch, as an activity would that had made them: journal, bill, cache, events. */
export function createEndBatchedCall(rooms: Rooms) {
  const { store, config, providers } = rooms;
  const { journal, callsOfBatches } = store;

  return { answered, returned };

  /** Its result is there. Repeated, it changes nothing: the first reply of a call counts. */
  async function answered(waiting: CallOfBatch, result: BatchResult): Promise<void> {
    if ('error' in result) return returned(waiting, result.error);
    const { call, request, answerAt, requestHash, quiet, key } = waiting;
    let said: ModelReply;
    try {
      said = await streamReply(rooms, { call, request, signal: NEVER, emit, onFirstToken, answered: result.answered });
    } catch (thrown) {
      return failed(waiting, thrown);
    }
    const waitedMs = Math.round(waiting.sinceMs);
    const times = { firstTokenMs: waitedMs, totalMs: waitedMs };
    const reply: ModelReply = { ...said, ...times, ...pricesOf(said), batched: true };
    const answer = answerAt ? await keepAnswer(store, answerAt, reply) : reply;
    await journal.end(attemptOf(waiting), {
      reply: answer,
      savedUsd: savedBy(answer),
      unheard: !quiet,
      completesStep: completesStep(call, answer),
      cache: isWhole(answer) ? sharedAnswers(store.cache, call, requestHash, key)?.entry : undefined,
    });
    await callsOfBatches.end(key, 'answered');
    counted(waiting, { reply: { ...answer, firstTokenMs: undefined }, usage: answer.usage, costUsd: answer.costUsd });
  }

  /** The batch has no answer for it, and nothing was paid: it is asked by itself. */
  async function returned(waiting: CallOfBatch, error: CallError): Promise<void> {
    const { model } = waiting.call;
    await journal.end(attemptOf(waiting), { error: { ...error, model }, next: { delayMs: 0 } });
    await callsOfBatches.end(waiting.key, 'returned');
    counted(waiting, { error });
  }

  /** The answer is none that can be used, though it was paid for. */
  async function failed(waiting: CallOfBatch, thrown: unknown): Promise<void> {
    const { model } = waiting.call;
    const cause = thrown instanceof AttemptFailed ? thrown.cause : thrown;
    const told = cause instanceof ProviderError ? cause.error : providers.open(model).asCallError(cause, model);
    const error = { provider: providerOf(model), ...told, model };
    const partial = thrown instanceof AttemptFailed ? thrown.partial : undefined;
    const spent: Spent | undefined = partial && {
      ...{ usage: partial.usage, estimated: partial.estimated, batched: true },
      ...pricesOf({ model, usage: partial.usage }),
    };
    await journal.end(attemptOf(waiting), { error, next: 'final', spent });
    await callsOfBatches.end(waiting.key, 'failed', error);
    counted(waiting, { ...spent, error });
  }

  function counted({ call: { run, step, model }, epoch, request, sinceMs }: CallOfBatch, outcome: ModelOutcome): void {
    const asked = { run, step, model, operation: OPERATION.batch, epoch, request };
    rooms.metrics?.attemptEnded(asked, outcome, sinceMs / 1_000);
  }

  function pricesOf({ model, usage }: Pick<ModelReply, 'model' | 'usage'>): { costUsd: number | null } {
    return { costUsd: batchPriceOf(model, usage, providers.open(model).kind, config.prices) };
  }

  /** USD less than the same tokens cost outside of batches, and outside of the provider's cache. */
  function savedBy({ model, usage, costUsd }: ModelReply): number | null {
    const price = priceOf(model, usage, config.prices);
    const cached = cacheSaving(model, usage, config.prices);
    return price === null || cached === null || costUsd === null ? null : price + cached - costUsd;
  }
}

function attemptOf({ key, epoch, call: { run, step, model } }: CallOfBatch): Attempt {
  return { key, epoch, run, step, model };
}

async function emit(): Promise<void> {}
function onFirstToken(): void {}
