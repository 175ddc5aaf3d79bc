import { ApplicationFailure, asyncLocalStorage, CancelledFailure, Context } from '@temporalio/activity';
import { type CallError, LEAVES_TASK_AFTER_MS } from '../contract/index.ts';
import { failureOf } from './failure.ts';

/**
 * Does the work of an activity. A local one keeps its workflow task, and so its worker, which does not cut it when it stops: it is
 * cut here, and fails such that its workflow goes on elsewhere, a moment later. Told as the cancellation it is, it would be one of the
 * workflow's.
 */
export async function lettingGo<Result>(
  stopping: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  if (!stopping) return work();
  const { info, cancelled, cancellationSignal, log, metricMeter, client } = Context.current();
  if (!info.isLocal || !info.workflowExecution) return work();
  const own = new AbortController();
  const stop = () => own.abort(stopping.reason);
  const cancel = () => own.abort(cancellationSignal.reason);
  if (stopping.aborted) stop();
  if (cancellationSignal.aborted) cancel();
  stopping.addEventListener('abort', stop);
  cancellationSignal.addEventListener('abort', cancel);
  const context = new Context(info, cancelled, own.signal, () => {}, client, log, metricMeter, {});
  try {
    return await asyncLocalStorage.run(context, work);
  } catch (thrown) {
    const isFinal = thrown instanceof ApplicationFailure && thrown.nonRetryable === true;
    throw stopping.aborted && own.signal.reason === stopping.reason && !isFinal ? stopped() : thrown;
  } finally {
    stopping.removeEventListener('abort', stop);
    cancellationSignal.removeEventListener('abort', cancel);
  }
}

function stopped(): ApplicationFailure {
  const error: CallError = { type: 'ConnectionLost', message: 'The worker of this activity was stopped' };
  return failureOf(error, { delayMs: LEAVES_TASK_AFTER_MS + 1 });
}

/** Why activities are cut whose worker stops: in Temporal's words. */
export function workerStops(): CancelledFailure {
  return new CancelledFailure('WORKER_SHUTDOWN');
}
