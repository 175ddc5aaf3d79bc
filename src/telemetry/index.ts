export { traceOfActivities } from './activity-trace.ts';
export { type LogFields, logFields, withLogFields } from './log-fields.ts';
export { type Metrics, openMetrics } from './metrics.ts';
export { type AskedModel, beginModelSpan, endModelSpan, type ModelOutcome, type SpanContent } from './model-spans.ts';
export * from './names.ts';
export type { OpenWork } from './open-work.ts';
export { inRequestSpan } from './request-spans.ts';
export {
  asStartedHere,
  attributesOf,
  contextOfRun,
  endRunSpan,
  endStepSpan,
  failed,
  inActivitySpan,
  inSpan,
  inSpanOf,
  inStartSpan,
  isSampled,
  isTracing,
  startedBy,
  tracer,
} from './run-context.ts';
export { type ServedOperations, serveOperations } from './serve-operations.ts';
export { inServerSpan, type ServedRequest } from './server-spans.ts';
export { spanIds } from './span-ids.ts';
export { type StopTracing, startTracing, wantsTraces } from './start-tracing.ts';
export { traceFrom, traceOnStart, withTrace } from './temporal-headers.ts';
export { inToolSpan } from './tool-spans.ts';
