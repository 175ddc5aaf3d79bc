import {
  type ActivityExecutionFailedError,
  ActivityNotFoundError,
  isGrpcServiceError,
  ServiceError,
  type WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import {
  ApplicationFailure,
  CancelledFailure,
  NamespaceNotFoundError,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';
import { CallError, ErrorType } from '../contract/index.ts';
import { CadenzaError, IS_IT_RUNNING, notReachable, refusal } from './errors.ts';

export const CANCELLED = {
  status: 'cancelled',
  error: { type: 'Cancelled', message: 'The run was cancelled' },
} as const;

/** What Temporal says of a run that ended without a result, as an error of the contract. */
export function runError(failed: WorkflowFailedError | ActivityExecutionFailedError): {
  status: 'failed' | 'cancelled';
  error: CallError;
} {
  const { cause } = failed;
  if (cause instanceof CancelledFailure) return CANCELLED;
  if (cause instanceof TerminatedFailure) {
    return { status: 'failed', error: { type: 'Cancelled', message: `The run was terminated: ${cause.message}` } };
  }
  if (cause instanceof TimeoutFailure)
    return {
      status: 'failed',
      error: { type: 'Timeout', message: 'The run took longer than Temporal was told to let it' },
    };
  if (cause instanceof ApplicationFailure) {
    const kept = CallError.safeParse(cause.details?.[0]);
    if (kept.success) return { status: 'failed', error: kept.data };
    const type = ErrorType.safeParse(cause.type);
    return { status: 'failed', error: { type: type.success ? type.data : 'InvalidRequest', message: cause.message } };
  }
  return { status: 'failed', error: { type: 'InvalidRequest', message: cause?.message ?? failed.message } };
}

/** An error of Temporal's client, as one a person can act on. */
export function clientError(thrown: unknown, id: string): unknown {
  if (thrown instanceof CadenzaError) return thrown;
  if (thrown instanceof WorkflowNotFoundError || thrown instanceof ActivityNotFoundError) return notFound(id);
  // A server that has just started knows no namespace yet.
  if (thrown instanceof NamespaceNotFoundError) {
    const hint = 'Ask again in a moment. If it stays so, make it, or name another: TEMPORAL_NAMESPACE';
    return notReachable(`Temporal does not know the namespace "${thrown.namespace}"`, hint, thrown);
  }
  const cause = thrown instanceof ServiceError ? thrown.cause : thrown;
  if (isGrpcServiceError(cause)) {
    return new CadenzaError(
      'NotReachable',
      {
        type: 'Unavailable',
        message: `Temporal does not answer: ${cause.details || cause.message}`,
        hint: IS_IT_RUNNING,
      },
      { cause: thrown },
    );
  }
  return thrown;
}

export function notFound(id: string): CadenzaError {
  return refusal('NotFound', `No run with the id "${id}"`, { hint: 'See the ids with: npx cadenza runs', path: 'id' });
}

/** Results are in Temporal alone, for as long as its namespace keeps what has ended. */
export function resultForgotten(id: string): CadenzaError {
  return refusal('NotFound', `Temporal keeps the result of the run "${id}" no longer`, {
    hint: 'What it said is in its events still: npx cadenza watch. How long results are kept is the retention of the namespace.',
    path: 'id',
  });
}
