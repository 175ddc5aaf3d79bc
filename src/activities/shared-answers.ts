import type { CallError, ModelCall, ModelRef, ModelReply } from '../contract/index.ts';
import { type Cache, isStoreError } from '../store/index.ts';
import { awaitStore } from './await-store.ts';

/** A worker that asks for others renews its lease while it lives; so long after it is gone another one asks, ms. */
const LEASE_MS = 15_000;
/** Others wait with a call that is repeated within so long; before a longer pause they are let go, ms. */
const LONGEST_PAUSE_MS = 5_000;

/** The cached answers of a request, and the one call that is made for all who ask the same at once. */
export interface SharedAnswers {
  /** an answer some candidate gave before */
  find(): Promise<ModelReply | undefined>;
  /** Waits while another run asks the same of the same model, but no longer than this call may take itself.
   *  @returns what it was answered, the error it ended with, or nothing when the call is ours to make */
  join(signal: AbortSignal): Promise<{ reply: ModelReply } | { failed: CallError } | undefined>;
  /** says that the call is still being made, or will be after the delay: if that is long, everybody is let go */
  hold(delayMs?: number): Promise<void>;
  /** lets the waiting go on: with the error, if no further attempt is made here */
  release(error?: CallError): Promise<void>;
  /** the same as `find` and `join`, for what begins the call: undefined where its answer is asked for anew */
  atBegin?: { tenant: string; requestHash: string; models: ModelRef[]; leaseMs: number };
  /** where an answer is to be kept */
  entry: { tenant: string; requestHash: string; ttlSeconds: number };
}

/** @returns undefined where the call's policy wants a new answer */
export function sharedAnswers(
  cache: Cache,
  call: ModelCall,
  requestHash: string,
  holder: string,
): SharedAnswers | undefined {
  if (call.cacheTtlSeconds === undefined) return undefined;
  const { model, timeouts, candidates: models, sample } = call;
  const { tenant = '', cacheScope } = call.run;
  const request = { tenant, requestHash: cacheScope === undefined ? requestHash : `${cacheScope}/${requestHash}` };
  const flight = { ...request, model };
  // The answer to an equal request was not accepted: this one is asked for anew, by this call alone.
  const isAskedAnew = sample !== undefined;
  const release = (error?: CallError) =>
    isAskedAnew ? Promise.resolve() : unlessAway(cache.release({ ...flight, holder, error }));

  return {
    entry: { ...request, ttlSeconds: call.cacheTtlSeconds },
    atBegin: isAskedAnew ? undefined : { ...request, models, leaseMs: LEASE_MS },
    find: async () => (isAskedAnew ? undefined : cache.find({ ...request, models })),
    release,
    async hold(delayMs = 0) {
      if (isAskedAnew) return;
      if (delayMs > LONGEST_PAUSE_MS) return release();
      await unlessAway(cache.renew({ ...flight, holder, leaseMs: delayMs + LEASE_MS }));
    },
    async join(signal) {
      if (isAskedAnew) return undefined;
      const since = new Date();
      const patience = AbortSignal.timeout(timeouts.totalMs);
      const waiting = AbortSignal.any([signal, patience]);
      try {
        const ended = await awaitStore(waiting, () => joined(since, waiting));
        return ended && 'failed' in ended && isOutlasted(ended.failed, timeouts) ? undefined : ended;
      } catch (error) {
        if (signal.aborted || !patience.aborted) throw error;
        return undefined;
      }
    },
  };

  async function joined(since: Date, signal: AbortSignal) {
    for (;;) {
      const claimed = await cache.claim({ ...flight, holder, leaseMs: LEASE_MS, since });
      if (claimed === 'yours') {
        // Whoever made the call may have finished it between our look into the cache and our claim.
        const reply = await cache.find({ ...request, models });
        if (reply) await release();
        return reply && { reply };
      }
      if (claimed !== 'taken') return { failed: claimed.failed };
      const ended = await cache.wait({ ...flight, models, since, signal });
      if (ended !== 'free') return ended;
    }
  }
}

/** The other call was given up by a clock that this one has set longer: that says nothing of this one. */
function isOutlasted({ phase, limitMs }: CallError, timeouts: ModelCall['timeouts']): boolean {
  return phase !== undefined && limitMs !== undefined && timeouts[`${phase}Ms`] > limitMs;
}

/** A lease that cannot be written now runs out by itself. */
async function unlessAway(written: Promise<unknown>): Promise<void> {
  await written.catch((error: unknown) => {
    if (!isStoreError(error)) throw error;
  });
}
