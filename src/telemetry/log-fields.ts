import { AsyncLocalStorage } from 'node:async_hooks';
import { isSpanContextValid, trace } from '@opentelemetry/api';

/** By which lines of a log are found again: of which run, step and activity they are. */
export interface LogFields {
  run?: string;
  step?: string;
  activity?: string;
}

const fields = new AsyncLocalStorage<LogFields>();

/** Whatever is logged by the work, however deep, names these. */
export function withLogFields<Result>(of: LogFields, work: () => Result): Result {
  return fields.run(of, work);
}

/** What a line that is logged now is to name, with its trace where there is one (as OpenTelemetry names it in logs). */
export function logFields(): LogFields & { trace_id?: string; span_id?: string } {
  const span = trace.getActiveSpan()?.spanContext();
  const isTraced = span !== undefined && isSpanContextValid(span);
  return { ...fields.getStore(), ...(isTraced && { trace_id: span.traceId, span_id: span.spanId }) };
}
