import { ApplicationFailure } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import { type CallError, type ModelCall, reactionTo } from '../contract/index.ts';

/** Ask the same model again after so long, or give it up. */
export type Next = { delayMs: number } | 'final';

/** Whether, and after how long, the same model is asked again. A stream that broke was paid for, so it is repeated only once. */
export function nextAfter(
  error: CallError,
  call: ModelCall,
  begun: { failures: number; midStreamFailures: number },
): Next {
  const failures = begun.failures + 1;
  const paidTwice = error.midStream === true && begun.midStreamFailures >= 1;
  if (reactionTo(error.type) !== 'retry' || failures >= call.maxAttempts || paidTwice) return 'final';
  const delayMs = error.retryAfterMs ?? Math.min(500 * 2 ** begun.failures, 30_000);
  return delayMs > call.patienceMs ? 'final' : { delayMs };
}

/** The failure that makes Temporal do so. */
export function failureOf(error: CallError, next: Next): ApplicationFailure {
  return ApplicationFailure.create({
    type: error.type,
    message: error.message,
    details: [error],
    nonRetryable: next === 'final',
    // Told by events and by the workflow, if it matters: not by a stack trace in the worker's log.
    category: ApplicationFailureCategory.BENIGN,
    ...(next === 'final' ? {} : { nextRetryDelay: Math.max(1, next.delayMs) }),
  });
}
