import {
  type Context,
  context,
  createContextKey,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { CallError, RunRef } from '../contract/index.ts';
import { ATTRIBUTE, OPERATION, SCOPE } from './names.ts';
import { spanIdOf, traceIdOf, withIds } from './span-ids.ts';

/** Who started the run whose work goes on in this context. */
const STARTER = createContextKey('cadenza starter');
/** The step whose activity goes on in this context, with its run. */
const PLACE = createContextKey('cadenza step');

export function tracer(): Tracer {
  return trace.getTracer(SCOPE);
}

/** Whether somebody has registered a tracer provider: asked of OpenTelemetry's API, where users may have put their own. */
export function isTracing(): boolean {
  return isSpanContextValid(tracer().startSpan('probe', { root: true }, ROOT_CONTEXT).spanContext());
}

/** A context in which a run goes on that whoever is active in `of` has started. */
export function startedBy(of: Context): Context {
  return of.setValue(STARTER, trace.getSpanContext(of));
}

/** Does a run in the context of whoever started it, where that is the one that is active. */
export function asStartedHere<Result>(work: () => Result): Result {
  return context.with(startedBy(context.active()), work);
}

/** What an activity is, as its span tells it. */
export interface ActivityFacts {
  name: string;
  attempt: number;
  isLocal: boolean;
  workflowRun?: string;
}

/** Does the work of an activity in a span below its step, or its run: what it calls for that step is a child of it. */
export function inActivitySpan<Result>(
  run: RunRef,
  step: string | undefined,
  { name, attempt, isLocal, workflowRun }: ActivityFacts,
  work: () => Promise<Result>,
): Promise<Result> {
  const attributes = {
    ...attributesOf(run),
    [ATTRIBUTE.step]: step,
    [ATTRIBUTE.activity]: name,
    [ATTRIBUTE.activityAttempt]: attempt,
    [ATTRIBUTE.lane]: workflowRun === undefined ? 'direct' : isLocal ? 'fast' : 'standard',
    [ATTRIBUTE.workflowRun]: workflowRun,
  };
  const above = contextOfRun(run, isMadeStep(name) ? step : undefined);
  const span = tracer().startSpan(name, { attributes }, above);
  const place = `${run.chain}\n${step ?? ''}`;
  return context.with(above.setValue(PLACE, place), () => inSpan(span, work));
}

/** Tools are no steps of the log: what they are called with stands below the run. */
const isMadeStep = (activity: string) => activity !== 'callTool' && activity !== 'abandonTool';

/** Does the work with the span as the one that is active. It is for whoever began it to end. */
export function inSpanOf<Result>(span: Span, work: () => Result): Result {
  return context.with(trace.setSpan(context.active(), span), work);
}

/** The same, and ends it, as it failed where the work does. @param errorOf what was thrown, in the words of the contract */
export async function inSpan<Result>(
  span: Span,
  work: () => Promise<Result>,
  errorOf: (thrown: unknown) => Pick<CallError, 'type' | 'status'> = typeOf,
): Promise<Result> {
  try {
    return await inSpanOf(span, work);
  } catch (thrown) {
    failed(span, errorOf(thrown));
    throw thrown;
  } finally {
    span.end();
  }
}

/** What Temporal's failures, and others, are known by. */
function typeOf(thrown: unknown): Pick<CallError, 'type'> {
  const { type, name } = (thrown ?? {}) as { type?: unknown; name?: unknown };
  return { type: String(type ?? name ?? 'Error') as CallError['type'] };
}

/** Where a call of the step belongs: to the activity that makes it, where that is of this step alone. */
export function contextOfCall(run: RunRef, step: string): Context {
  const active = context.active();
  return active.getValue(PLACE) === `${run.chain}\n${step}` ? active : contextOfRun(run, step);
}

/** A context whose children are children of the run, or of one of its steps. */
export function contextOfRun(run: RunRef, step?: string): Context {
  const { chain } = run;
  return trace.setSpanContext(context.active(), { ...traceOf(run), spanId: spanIdOf(chain, step), isRemote: true });
}

/** Whether spans of the run are kept. */
export function isSampled(run: RunRef): boolean {
  return (traceOf(run).traceFlags & TraceFlags.SAMPLED) !== 0;
}

/** The trace a run belongs to: that of whoever started it, else one of its own, which its sampler decides on. */
function traceOf({ chain, above }: RunRef): SpanContext {
  const starter = starterOf();
  if (starter) return starter;
  const root = above?.[0] ?? chain;
  return beginRoot('run', { spanId: spanIdOf(root), traceId: traceIdOf(root) }, {}).spanContext();
}

function starterOf(): SpanContext | undefined {
  const starter = context.active().getValue(STARTER) as SpanContext | undefined;
  return starter && isSpanContextValid(starter) ? starter : undefined;
}

function beginRoot(name: string, ids: { spanId: string; traceId: string }, options: SpanOptions): Span {
  return withIds(ids, () => tracer().startSpan(name, { ...options, root: true }, context.active()));
}

/** How something ended, and when. */
export interface SpanEnd {
  at: Date;
  error?: CallError;
}

/** Makes the span of a run that has ended: below whoever started it, or the run it does a step of. */
export function endRunSpan(run: RunRef, end: SpanEnd): void {
  const { pattern, startedAt } = run;
  const options = {
    startTime: new Date(startedAt),
    attributes: {
      [ATTRIBUTE.operation]: OPERATION.run,
      [ATTRIBUTE.workflowName]: pattern,
      ...attributesOf(run),
    },
  };
  ended(beginRunSpan(run, `${OPERATION.run} ${pattern}`, options), end);
}

function beginRunSpan(run: RunRef, name: string, options: SpanOptions): Span {
  const { chain, above } = run;
  const spanId = spanIdOf(chain);
  const starter = starterOf();
  const parent = above?.at(-1);
  if (!starter && parent === undefined) return beginRoot(name, { spanId, traceId: traceIdOf(chain) }, options);
  const within = parent === undefined ? starter! : { ...traceOf(run), spanId: spanIdOf(parent), isRemote: true };
  return withIds({ spanId }, () => tracer().startSpan(name, options, trace.setSpanContext(context.active(), within)));
}

/** Makes the span of a step that has ended. */
export function endStepSpan(run: RunRef, step: string, startedAt: Date, end: SpanEnd): void {
  const options = { startTime: startedAt, attributes: { ...attributesOf(run), [ATTRIBUTE.step]: step } };
  const within = contextOfRun(run);
  const span = withIds({ spanId: spanIdOf(run.chain, step) }, () =>
    tracer().startSpan(`step ${step}`, options, within),
  );
  ended(span, end);
}

function ended(span: Span, { at, error }: SpanEnd): void {
  if (error) failed(span, error);
  span.end(at);
}

/** An error as spans carry it: without its message, which may quote what was asked. */
export function failed(span: Span, { type, status }: Pick<CallError, 'type' | 'status'>): void {
  span.setAttribute(ATTRIBUTE.errorType, type);
  span.setStatus({ code: SpanStatusCode.ERROR, message: status === undefined ? type : `${type} (${status})` });
}

/** Starts a run in a span, below which all of the run will stand. */
export function inStartSpan<Started>(
  run: Pick<RunRef, 'id' | 'pattern' | 'tenant'>,
  start: () => Promise<Started>,
): Promise<Started> {
  const options = { kind: SpanKind.PRODUCER, attributes: attributesOf(run) };
  return inSpan(tracer().startSpan(`start ${run.pattern}`, options), start);
}

export function attributesOf({
  id,
  pattern,
  tenant,
}: Pick<RunRef, 'id' | 'pattern' | 'tenant'>): Record<string, string> {
  return {
    [ATTRIBUTE.run]: id,
    [ATTRIBUTE.pattern]: pattern,
    ...(tenant !== undefined && { [ATTRIBUTE.tenant]: tenant }),
    ...(pattern === 'conversation' && { [ATTRIBUTE.conversation]: id, [ATTRIBUTE.session]: id }),
  };
}
