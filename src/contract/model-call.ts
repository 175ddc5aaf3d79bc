import { type RepeatLimits, repeatLimitsOf } from './attempts.ts';
import type { ModelCall, RunRef } from './calls.ts';
import { Insisted, type ModelRequest, type RequestSettings } from './models.ts';
import { DEFAULT_CACHE_TTL_SECONDS, DEFAULT_MAX_ATTEMPTS, DEFAULT_TIMEOUTS, type Policy } from './policy.ts';

/** What a policy sets of a request, whatever is asked. */
export function requestSettings(policy: Policy): Partial<ModelRequest> {
  const { maxOutputTokens, temperature, topP, seed, stop, effort } = policy;
  return { maxOutputTokens, temperature, topP, seed, stop, effort };
}

/** The settings of a request, and not of its policy, that its answer depends on. Parallel tool calls are the rule. */
export function insistedOn(request: { settings?: RequestSettings; parallelTools?: boolean }): Insisted[] | undefined {
  const given = { ...request.settings, parallelTools: request.parallelTools === false ? false : undefined };
  const insisted = Insisted.options.filter((name) => given[name] !== undefined);
  return insisted.length === 0 ? undefined : insisted;
}

/** A call as its policy wants it made. @param deadline when the step's patience ends, ms since 1970 */
export function modelCallOf(
  policy: Policy,
  deadline: number,
  call: { run: RunRef; step: string; model: string } & Pick<
    ModelCall,
    'place' | 'fallback' | 'sample' | 'evict' | 'unasked'
  >,
): ModelCall {
  const checkedAfter = (policy.guardrails?.after?.length ?? 0) > 0;
  return {
    ...call,
    // An answer that a guardrail did not accept must not come back from the cache as the next candidate's.
    candidates: checkedAfter ? [call.model] : policy.candidates,
    ...(checkedAfter ? { checkedAfter, unasked: undefined } : {}),
    timeouts: { ...DEFAULT_TIMEOUTS, ...policy.timeouts },
    maxAttempts: policy.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    cacheTtlSeconds: policy.cache === false ? undefined : (policy.cache?.ttlSeconds ?? DEFAULT_CACHE_TTL_SECONDS),
    ...repeatLimitsOf(policy, deadline),
  } satisfies ModelCall & RepeatLimits;
}
