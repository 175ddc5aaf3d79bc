import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { ATTRIBUTE } from './names.ts';
import { inSpan, tracer } from './run-context.ts';

export interface ServedRequest {
  method: string;
  path: string;
  header(name: string): string | undefined;
}

/** Answers a request in a span by the conventions for HTTP servers, as a part of its caller's trace (`traceparent`). */
export async function inServerSpan(
  { method, path, header }: ServedRequest,
  answer: () => Promise<{ route: string; status: number }>,
): Promise<void> {
  const carrier = { traceparent: header('traceparent'), tracestate: header('tracestate') };
  const caller = propagation.extract(ROOT_CONTEXT, carrier);
  const attributes = { [ATTRIBUTE.method]: method, [ATTRIBUTE.urlPath]: path, [ATTRIBUTE.urlScheme]: 'http' };
  const span = tracer().startSpan(method, { kind: SpanKind.SERVER, attributes }, caller);
  await context.with(caller, () =>
    inSpan(span, async () => {
      const { route, status } = await answer();
      span.updateName(`${method} ${route}`);
      span.setAttributes({ [ATTRIBUTE.route]: route, [ATTRIBUTE.statusCode]: status });
      if (status < 500) return;
      span.setAttribute(ATTRIBUTE.errorType, String(status));
      span.setStatus({ code: SpanStatusCode.ERROR });
    }),
  );
}
