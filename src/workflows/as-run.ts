import { CancelledFailure, isCancellation, TemporalFailure } from '@temporalio/workflow';
import type { CallError, WebhookMessage } from '../contract/index.ts';
import { announce } from './announce.ts';
import { callErrorOf } from './failures.ts';
import { host } from './host.ts';
import { isRun, readOptions, record, waitsOf } from './run.ts';
import { publishBooked, publishTotals, totalUsd } from './spending.ts';

/**
 * Does the work of a run: reads its options, and writes its end to the event log before Temporal closes it, so that
 * whoever reads the events sees the end without asking Temporal. Work that uses no step of the library is left alone.
 * @param args of the workflow: its input, and the run's options
 */
export async function asRun<Result>(args: unknown[], work: () => Promise<Result>): Promise<Result> {
  readOptions(args);
  try {
    const waitMs = (waitsOf().until ?? 0) - Date.now();
    if (waitMs > 0) await host().sleep(waitMs, { summary: 'waiting, as it did in the direct lane' });
    const result = await work();
    if (isRun()) await end('run.completed', { costUsd: totalUsd() });
    return result;
  } catch (thrown) {
    // Other errors do not end the run: Temporal retries the task until the code is mended.
    if (!isRun() || !(thrown instanceof TemporalFailure)) throw thrown;
    // A call that is lost with its worker is not made again once it was to be cancelled, and fails by that.
    const failed =
      host().isCancelled() && !isCancellation(thrown) ? new CancelledFailure('The run was cancelled') : thrown;
    await end(isCancellation(failed) ? 'run.cancelled' : 'run.failed', { error: callErrorOf(failed) });
    throw failed;
  }
}

async function end(type: WebhookMessage['type'], data: { costUsd: number } | { error: CallError }): Promise<void> {
  publishTotals();
  await host().nonCancellable(async () => {
    const booked = await record([{ type, key: `end:${host().workflowInfo().runId}`, data }]);
    if (booked) publishBooked(booked);
    await announce(type, 'error' in data ? data.error : undefined);
  });
}
