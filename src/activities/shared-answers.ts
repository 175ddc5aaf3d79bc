import type { CallError, ModelCall, ModelReply } from '../contract/index.ts';
import type { Cache } from '../store/index.ts';

/** A worker that asks for others renews its lease while it lives; so long after it is gone another one asks, ms. */
const LEASE_MS = 15_000;

/** The cached answers of a request, and the one call that is made for all who ask the same at once. */
export interface SharedAnswers {
  /** an answer some candidate gave before */
  find(): Promise<ModelReply | undefined>;
  /** Waits while another run asks the same of the same model.
   *  @returns what it was answered, the error it ended with, or nothing when the call is ours to make */
  join(signal: AbortSignal): Promise<{ reply: ModelReply } | { failed: CallError } | undefined>;
  /** says that the call is still being made, or will be after the delay */
  hold(delayMs?: number): Promise<void>;
  /** lets the waiting go on: with the error, if no further attempt is made here */
  release(error?: CallError): Promise<void>;
  /** where an answer is to be kept */
  entry: { tenant: string; requestHash: string; ttlSeconds: number };
}

export function sharedAnswers(
  cache: Cache,
  call: ModelCall,
  requestHash: string,
  holder: string,
): SharedAnswers | undefined {
  if (call.cacheTtlSeconds === undefined) return undefined;
  const request = { tenant: call.run.tenant ?? '', requestHash };
  const flight = { ...request, model: call.model };
  const models = call.candidates;
  const hold = async (delayMs = 0) => {
    await cache.renew({ ...flight, holder, leaseMs: delayMs + LEASE_MS });
  };
  return {
    entry: { ...request, ttlSeconds: call.cacheTtlSeconds },
    find: () => cache.find({ ...request, models }),
    hold,
    release: (error) => cache.release({ ...flight, holder, error }),
    async join(signal) {
      const since = new Date();
      for (;;) {
        const claimed = await cache.claim({ ...flight, holder, leaseMs: LEASE_MS, since });
        if (claimed === 'yours') {
          // Whoever made the call may have finished it between our look into the cache and our claim.
          const reply = await cache.find({ ...request, models });
          if (reply) await cache.release({ ...flight, holder });
          return reply && { reply };
        }
        if (claimed !== 'taken') return { failed: claimed.failed };
        const ended = await cache.wait({ ...flight, models, since, signal });
        if (ended !== 'free') return ended;
      }
    },
  };
}
