import { defaultPayloadConverter, RawValue } from '@temporalio/common';
import type { WorkflowInterceptors } from '@temporalio/workflow';
import { asRun } from './as-run.ts';
import { leftToNewerBuild, onNewestBuild } from './newer-build.ts';
import { isRun, memoSoFar } from './run.ts';
import { traceHeaders } from './trace-headers.ts';

/** Makes a run of every workflow that uses a step of the library (see as-run.ts). One that continues as new stays the same run. */
export function interceptors(): WorkflowInterceptors {
  const trace = traceHeaders();
  return {
    inbound: [
      {
        async execute(input, next) {
          trace.take(input.headers);
          const result = await asRun(input.args, () => next(input));
          return isRun() ? resultPayload(result) : result;
        },
      },
    ],
    internals: [leftToNewerBuild],
    outbound: [
      {
        scheduleActivity: (input, next) => next({ ...input, headers: trace.ontoActivity(input.headers) }),
        scheduleLocalActivity: (input, next) => next({ ...input, headers: trace.ontoActivity(input.headers) }),
        startChildWorkflowExecution: (input, next) => next({ ...input, headers: trace.onto(input.headers) }),
        continueAsNew(input, next) {
          const { options } = input;
          const kept = isRun() ? { memo: { ...memoSoFar(), ...options.memo } } : {};
          const headers = trace.onto(input.headers);
          return next({ ...input, headers, options: { ...onNewestBuild(), ...options, ...kept } });
        },
      },
    ],
  };
}

/** A run's result, marked so that it stays readable in the history for clients that know nothing of blobs. */
function resultPayload(result: unknown): unknown {
  const payload = defaultPayloadConverter.toPayload(result);
  if (!payload) return result;
  return RawValue.fromPayload({ ...payload, metadata: { ...payload.metadata, 'cadenza-result': new Uint8Array() } });
}
