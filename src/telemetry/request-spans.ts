import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { ATTRIBUTE } from './names.ts';
import { inSpan, tracer } from './run-context.ts';

type HeadersGiven = ConstructorParameters<typeof Headers>[0];

/**
 * Sends a request in a span by the conventions for HTTP clients, which ends when the response begins. Its address is told
 * without query and password. Whom it is sent to gets to know the trace only with `CADENZA_TRACE_PROVIDERS=true`.
 */
export async function inRequestSpan<
  Init extends { method?: string; headers?: HeadersGiven },
  Answer extends { status: number },
>(input: string, init: Init | undefined, send: (init: Init | undefined) => Promise<Answer>): Promise<Answer> {
  // Requests beside calls, and where there is no trace, have none to belong to.
  if (!trace.getActiveSpan()?.isRecording()) return send(init);
  const { method = 'GET' } = init ?? {};
  const { protocol, hostname, port, pathname } = new URL(input);
  const attributes = {
    [ATTRIBUTE.method]: method.toUpperCase(),
    [ATTRIBUTE.urlFull]: `${protocol}//${hostname}${port && `:${port}`}${pathname}`,
    [ATTRIBUTE.serverAddress]: hostname,
    [ATTRIBUTE.serverPort]: Number(port) || (protocol === 'https:' ? 443 : 80),
  };
  const span = tracer().startSpan(method.toUpperCase(), { kind: SpanKind.CLIENT, attributes });
  return inSpan(span, async () => {
    const answer = await send(process.env.CADENZA_TRACE_PROVIDERS === 'true' ? traced(init) : init);
    answered(span, answer.status);
    return answer;
  });
}

function answered(span: Span, status: number): void {
  span.setAttribute(ATTRIBUTE.statusCode, status);
  if (status < 400) return;
  span.setAttribute(ATTRIBUTE.errorType, String(status));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function traced<Init extends { headers?: HeadersGiven }>(init: Init | undefined): Init {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  const headers = new Headers(init?.headers);
  for (const [name, value] of Object.entries(carrier)) headers.set(name, value);
  return { ...init, headers } as unknown as Init;
}
