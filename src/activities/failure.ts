import { ApplicationFailure } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import type { CallError } from '../contract/index.ts';

/** Ask the same model again after so long, or give it up. */
export type Next = { delayMs: number } | 'final';

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
