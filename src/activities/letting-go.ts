import { ApplicationFailure, asyncLocalStorage, CancelledFailure, Context } from '@temporalio/activity';
import { type CallError, LEAVES_TASK_AFTER_MS } from '../contract/index.ts';
import { failureOf } from './failure.ts';
import type { Rooms } from './rooms.ts';

/**
 * Does the work of an activity. A local one keeps its workflow task, and with it the worker: Temporal tells it of no cancellation
 * until the task has lasted for long, and cuts it not even when the worker stops. It is cut here, and fails such that its workflow
 * goes on a moment later: elsewhere, or by hearing of the cancellation. Told as a cancellation, it would be one of the workflow's.
 */
export async function lettingGo<Result>(
  { stopping, store }: Pick<Rooms, 'stopping' | 'store'>,
  work: () => Promise<Result>,
): Promise<Result> {
  const context = asyncLocalStorage.getStore();
  const workflowId = context?.info.isLocal && context.info.workflowExecution?.workflowId;
  if (!context || !workflowId) return work();
  const { info, cancelled, cancellationSignal, log, metricMeter, client } = context;
  const own = new AbortController();
  let cut: string | undefined;
  const letGo = (why: string, reason: unknown) => {
    if (own.signal.aborted) return;
    cut = why;
    own.abort(reason);
  };
  const stop = () => letGo('The worker of this activity was stopped', stopping?.reason);
  const cancel = () => own.abort(cancellationSignal.reason);
  if (stopping?.aborted) stop();
  if (cancellationSignal.aborted) cancel();
  stopping?.addEventListener('abort', stop);
  cancellationSignal.addEventListener('abort', cancel);
  const stopListening = store.processes.onStop((id, reason) => {
    if (id === workflowId && reason === 'cancelled')
      letGo('The run of this activity was cancelled', new CancelledFailure('CANCELLED'));
  });
  const inside = new Context(info, cancelled, own.signal, () => {}, client, log, metricMeter, {});
  try {
    return await asyncLocalStorage.run(inside, work);
  } catch (thrown) {
    const isFinal = thrown instanceof ApplicationFailure && thrown.nonRetryable === true;
    throw cut !== undefined && !isFinal ? leaving(cut) : thrown;
  } finally {
    stopListening();
    stopping?.removeEventListener('abort', stop);
    cancellationSignal.removeEventListener('abort', cancel);
  }
}

function leaving(message: string): ApplicationFailure {
  const error: CallError = { type: 'ConnectionLost', message };
  return failureOf(error, { delayMs: LEAVES_TASK_AFTER_MS + 1 });
}

/** Why activities are cut whose worker stops: in Temporal's words. */
export function workerStops(): CancelledFailure {
  return new CancelledFailure('WORKER_SHUTDOWN');
}
