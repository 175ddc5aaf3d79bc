import { context, trace } from '@opentelemetry/api';
import { defaultPayloadConverter } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Metrics } from './metrics.ts';
import { CHAIN_HEADER } from './names.ts';
import { startedBy } from './run-context.ts';
import { spanIdOf } from './span-ids.ts';
import { traceFrom } from './temporal-headers.ts';

/** Lets activities go on with the trace that their workflow, or whoever started them, has; and counts how long they waited
 *  for a worker. */
export function traceOfActivities(metrics?: Metrics): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      execute(input, next) {
        const { isLocal, activityType, currentAttemptScheduledTimestampMs: scheduled } = info;
        if (!isLocal) metrics?.begun(activityType, (Date.now() - scheduled) / 1_000);
        const starter = startedBy(traceFrom(input.headers));
        const chain = input.headers[CHAIN_HEADER];
        const span = trace.getSpanContext(starter);
        if (!span || !chain) return context.with(starter, () => next(input));
        // Below the run, for activities that do not say which run they are of.
        const spanId = spanIdOf(defaultPayloadConverter.fromPayload(chain));
        return context.with(trace.setSpanContext(starter, { ...span, spanId }), () => next(input));
      },
    },
  });
}
