import { defaultPayloadConverter, RawValue } from '@temporalio/common';
import type { WorkflowInterceptors } from '@temporalio/workflow';
import { asRun } from './as-run.ts';
import { isRun, memoSoFar } from './run.ts';

/** Makes a run of every workflow that uses a step of the library (see as-run.ts). One that continues as new stays the same run. */
export const interceptors = (): WorkflowInterceptors => ({
  inbound: [
    {
      async execute(input, next) {
        const result = await asRun(input.args, () => next(input));
        return isRun() ? resultPayload(result) : result;
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
