import type { ModelCall, RunRef } from './calls.ts';
import type { ModelRequest } from './models.ts';
import {
  DEFAULT_CACHE_TTL_SECONDS,
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_TIMEOUTS,
  durationMs,
  type Policy,
} from './policy.ts';

/** How long a `Retry-After` may be where the policy has no patience of its own, ms. */
const DEFAULT_PATIENCE_MS = 60_000;

/** What a policy sets of a request, whatever is asked. */
export function requestSettings(policy: Policy): Partial<ModelRequest> {
  const { maxOutputTokens, temperature, topP, seed, stop, effort } = policy;
  return { maxOutputTokens, temperature, topP, seed, stop, effort };
}

/** A call as its policy wants it made. */
export function modelCallOf(
  policy: Policy,
  call: { run: RunRef; step: string; model: string } & Pick<ModelCall, 'fallback' | 'sample'>,
): ModelCall {
  const checkedAfter = (policy.guardrails?.after?.length ?? 0) > 0;
  return {
    ...call,
    // An answer that a guardrail did not accept must not come back from the cache as the next candidate's.
    candidates: checkedAfter ? [call.model] : policy.candidates,
    ...(checkedAfter ? { checkedAfter } : {}),
    timeouts: { ...DEFAULT_TIMEOUTS, ...policy.timeouts },
    maxAttempts: policy.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    cacheTtlSeconds: policy.cache === false ? undefined : (policy.cache?.ttlSeconds ?? DEFAULT_CACHE_TTL_SECONDS),
    patienceMs: policy.patience === undefined ? DEFAULT_PATIENCE_MS : durationMs(policy.patience),
  };
}
