import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import { CallError, ErrorType, type RecordedEvent } from '../contract/index.ts';

/** The failure of a step or run that a person can act on; it ends the run unless the workflow catches it. */
export function failure(error: CallError): ApplicationFailure {
  return ApplicationFailure.create({
    type: error.type,
    message: error.message,
    nonRetryable: true,
    details: [error],
  });
}

/** What went wrong, whatever was thrown. */
export function callErrorOf(thrown: unknown): CallError {
  const cause = thrown instanceof ActivityFailure ? thrown.cause : thrown;
  if (isCancellation(thrown)) return { type: 'Cancelled', message: 'The run was cancelled' };
  if (cause instanceof ApplicationFailure) {
    const kept = CallError.safeParse(cause.details?.[0]);
    if (kept.success) return kept.data;
    const type = ErrorType.safeParse(cause.type);
    return { type: type.success ? type.data : 'InvalidRequest', message: cause.message };
  }
  if (cause instanceof TimeoutFailure) {
    return cause.timeoutType === 'HEARTBEAT'
      ? { type: 'ConnectionLost', message: 'The worker making this call was lost' }
      : { type: 'Timeout', message: 'The call took longer than its policy allows', phase: 'total' };
  }
  return { type: 'InvalidRequest', message: cause instanceof Error ? cause.message : String(cause) };
}

/** What readers are told of a step that has no result, while its run goes on. */
export function stepFailed(step: string, error: CallError): RecordedEvent {
  return { type: 'step.failed', key: `step.failed:${step}`, step, data: { error } };
}

/** What an activity gave; its failure becomes the step's, or the run's own. */
export async function resultOfActivity<Result>(asked: Promise<Result>, step?: string): Promise<Result> {
  try {
    return await asked;
  } catch (thrown) {
    if (isCancellation(thrown)) throw thrown;
    throw failure({ ...callErrorOf(thrown), ...(step === undefined ? {} : { step }) });
  }
}
