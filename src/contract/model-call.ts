import { type RepeatLimits, repeatLimitsOf } from './attempts.ts';
import type { ModelCall, RunRef } from './calls.ts';
import { Insisted, type ModelRequest, type RequestSettings } from './models.ts';
import {
  DEFAULT_CACHE_TTL_SECONDS,
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_TIMEOUTS,
  durationMs,
  type Policy,
} from './policy.ts';

/** Providers answer a batch within so long, ms: whoever waits for one must have as much patience. */
const BATCH_MS = 86_400_000;

/** Whether calls of a policy wait for a batch: `asked` by its author, `patient` enough by its patience. A hedge is for who
 *  is in a hurry. */
export function batchingOf({ batch, patience, lane = 'standard', hedge }: Policy): ModelCall['batch'] {
  if (batch !== undefined) return batch ? 'asked' : undefined;
  const isPatient = patience !== undefined && durationMs(patience) >= BATCH_MS;
  return isPatient && lane === 'standard' && !hedge ? 'patient' : undefined;
}

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
    'place' | 'fallback' | 'sample' | 'evict' | 'unasked' | 'checkedAfter'
  >,
): ModelCall {
  const isGuarded = (policy.guardrails?.after?.length ?? 0) > 0;
  return {
    ...call,
    // An answer that a guardrail did not accept must not come back from the cache as the next candidate's.
    candidates: isGuarded ? [call.model] : policy.candidates,
    ...(isGuarded ? { checkedAfter: true, unasked: undefined } : {}),
    timeouts: { ...DEFAULT_TIMEOUTS, ...policy.timeouts },
    maxAttempts: policy.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    batch: batchingOf(policy),
    background: policy.background || undefined,
    cacheTtlSeconds: policy.cache === false ? undefined : (policy.cache?.ttlSeconds ?? DEFAULT_CACHE_TTL_SECONDS),
    semantic: policy.cache ? policy.cache.semantic : undefined,
    ...repeatLimitsOf(policy, deadline),
  } satisfies ModelCall & RepeatLimits;
}
