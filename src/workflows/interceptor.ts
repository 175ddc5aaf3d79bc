import { defaultPayloadConverter, RawValue } from '@temporalio/common';
import {
  CancellationScope,
  isCancellation,
  TemporalFailure,
  type WorkflowInterceptors,
  workflowInfo,
} from '@temporalio/workflow';
import type { CallError, WebhookMessage } from '../contract/index.ts';
import { announce } from './announce.ts';
import { callErrorOf } from './failures.ts';
import { isRun, memoSoFar, publishTotals, readOptions, record, totalUsd } from './run.ts';

/**
 * Makes a run of every workflow that uses a step of the library: reads its options, and writes its end to the event log
 * before Temporal closes it, so that whoever reads the events sees the end without asking Temporal. A run that continues
 * as new stays the same run.
 */
export const interceptors = (): WorkflowInterceptors => ({
  inbound: [
    {
      async execute(input, next) {
        readOptions(input.args);
        try {
          const result = await next(input);
          if (!isRun()) return result;
          await end('run.completed', { costUsd: totalUsd() });
          return resultPayload(result);
        } catch (thrown) {
          // Other errors do not end the run: Temporal retries the workflow task until the code is mended.
          if (isRun() && thrown instanceof TemporalFailure) {
            await end(isCancellation(thrown) ? 'run.cancelled' : 'run.failed', { error: callErrorOf(thrown) });
          }
          throw thrown;
        }
      },
    },
  ],
  outbound: [
    {
      continueAsNew(input, next) {
        const { options } = input;
        return next(isRun() ? { ...input, options: { ...options, memo: { ...memoSoFar(), ...options.memo } } } : input);
      },
    },
  ],
});

/** A run's result, marked so that it stays readable in the history for clients that know nothing of blobs. */
function resultPayload(result: unknown): unknown {
  const payload = defaultPayloadConverter.toPayload(result);
  if (!payload) return result;
  return RawValue.fromPayload({ ...payload, metadata: { ...payload.metadata, 'cadenza-result': new Uint8Array() } });
}

async function end(type: WebhookMessage['type'], data: { costUsd: number } | { error: CallError }): Promise<void> {
  publishTotals();
  await CancellationScope.nonCancellable(async () => {
    await record([{ type, key: `end:${workflowInfo().runId}`, data }]);
    await announce(type, 'error' in data ? data.error : undefined);
  });
}
