import { type Context, context, isSpanContextValid, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { ClientInterceptors } from '@temporalio/client';
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import { TRACE_HEADER } from './names.ts';

/** The headers, with the active span, so that whoever gets them goes on with its trace. */
export function withTrace(headers: Headers, of: Context = context.active()): Headers {
  const span = trace.getSpanContext(of);
  if (!span || !isSpanContextValid(span)) return headers;
  const carrier = {};
  propagation.inject(of, carrier);
  return { ...headers, [TRACE_HEADER]: defaultPayloadConverter.toPayload(carrier)! };
}

/** The context of whoever sent the headers. */
export function traceFrom(headers: Headers): Context {
  const payload = headers[TRACE_HEADER];
  if (!payload) return ROOT_CONTEXT;
  return propagation.extract(ROOT_CONTEXT, defaultPayloadConverter.fromPayload(payload));
}

/** Sends the trace of whoever starts a run, or an activity, along. */
export const traceOnStart: ClientInterceptors = {
  workflow: [{ startWithDetails: (input, next) => next({ ...input, headers: withTrace(input.headers) }) }],
  activity: [{ start: (input, next) => next({ ...input, headers: withTrace(input.headers) }) }],
};
