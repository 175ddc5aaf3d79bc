import { type CallError, reactionTo } from './errors.ts';
import { DEFAULT_MAX_RETRY_AFTER_MS, durationMs, type Policy } from './policy.ts';

/** What time heals (`outage`), what another candidate may (`other`), and what nobody does (`stop`). */
export function kindOf(error: CallError, fallbackOn: readonly string[]): 'outage' | 'other' | 'stop' {
  const reaction = reactionTo(error.type);
  if (reaction === 'retry') return error.permanent ? 'other' : 'outage';
  if (reaction === 'policy') return fallbackOn.includes(error.type) ? 'other' : 'stop';
  if (error.type === 'InvalidRequest' && (error.schemaRefused || error.lacksSetting)) return 'other';
  return reaction === 'fail' ? 'stop' : 'other';
}

/** What a provider asks us to wait, ms. A time that is over, or none at all, says nothing. */
export function namedWaitMs({ retryAfterMs }: CallError): number | undefined {
  return retryAfterMs !== undefined && retryAfterMs > 0 ? retryAfterMs : undefined;
}

/** First wait before the same model is asked again in the same activity, doubled each time, and the longest, ms. */
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;

/**
 * A local activity that is to be repeated after more than so long, ms, waits on a timer of its workflow. What waits less keeps the
 * worker, which can't stop until its workflow task ends (https://github.com/temporalio/sdk-rust/issues/709).
 */
export const LEAVES_TASK_AFTER_MS = 2_000;

/** What the same activity knows of a failed attempt. */
export interface FailedAttempt {
  error: CallError;
  /** how often the provider failed before */
  failures: number;
  /** those of them that came when part of the answer had been paid for */
  midStreamFailures: number;
  /** ms since 1970 */
  now: number;
}

/** How a call may be repeated in place. */
export interface RepeatLimits {
  maxAttempts: number;
  /** longest `Retry-After` that is waited for in place, ms */
  maxRetryAfterMs: number;
  /** ms since 1970; undefined: the step has no patience of its own */
  deadline?: number;
}

/**
 * Whether the same model is asked again at once, by the same activity, and after how long (ms); undefined: the course of
 * the step decides. A stream that broke was paid for, so it is repeated only once.
 */
export function repeatAfter(
  { error, failures, midStreamFailures, now }: FailedAttempt,
  { maxAttempts, maxRetryAfterMs, deadline }: RepeatLimits,
): number | undefined {
  // Nobody was asked: others may be.
  if (error.held) return undefined;
  if (kindOf(error, []) !== 'outage' || failures + 1 >= maxAttempts) return undefined;
  if (error.midStream && midStreamFailures >= 1) return undefined;
  const named = namedWaitMs(error);
  if (named !== undefined && named > maxRetryAfterMs) return undefined;
  const delayMs = Math.max(named ?? 0, Math.min(FIRST_BACKOFF_MS * 2 ** failures, LONGEST_BACKOFF_MS));
  return deadline !== undefined && now + delayMs > deadline ? undefined : delayMs;
}

export function repeatLimitsOf(policy: Policy, deadline: number): Omit<RepeatLimits, 'maxAttempts'> {
  return {
    maxRetryAfterMs: policy.maxRetryAfter === undefined ? DEFAULT_MAX_RETRY_AFTER_MS : durationMs(policy.maxRetryAfter),
    deadline: policy.patience === undefined ? undefined : deadline,
  };
}
