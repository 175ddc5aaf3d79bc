import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { until } from './until.ts';

/** A span as it came over the wire. */
export interface CollectedSpan {
  traceId: string;
  spanId: string;
  /** '' at the root */
  parentId: string;
  name: string;
  /** 1 internal, 2 server, 3 client, 4 producer */
  kind: number;
  /** ns since 1970 */
  start: bigint;
  end: bigint;
  attributes: Record<string, unknown>;
  /** 0 unset, 1 ok, 2 error */
  status: number;
  statusMessage: string;
  service: unknown;
}

/** Takes what is exported by OTLP over HTTP, as protobuf. */
export interface OtlpCollector {
  /** what OTEL_EXPORTER_OTLP_ENDPOINT is set to */
  url: string;
  spans: CollectedSpan[];
  /** headers of the requests */
  headers: Record<string, unknown>[];
  /** Waits for a span of which this is true. */
  seen(matches: (span: CollectedSpan) => boolean): Promise<CollectedSpan>;
  close(): Promise<void>;
}

// The messages of opentelemetry/proto/trace/v1 that a span is made of, with the numbers their fields have there.
const ExportTraceServiceRequest = protobuf
  .parse(`syntax = "proto3";
    message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
    message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
    message Resource { repeated KeyValue attributes = 1; }
    message ScopeSpans { repeated Span spans = 2; }
    message Span {
      bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; uint32 kind = 6;
      fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; Status status = 15;
    }
    message Status { string message = 2; uint32 code = 3; }
    message KeyValue { string key = 1; AnyValue value = 2; }
    message AnyValue { oneof value {
      string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5;
    } }
    message ArrayValue { repeated AnyValue values = 1; }`)
  .root.lookupType('ExportTraceServiceRequest');

export async function otlpCollector(): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  const headers: Record<string, unknown>[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    headers.push({ ...request.headers, path: request.url });
    if (request.url === '/v1/traces') spans.push(...spansOf(bytes));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    async seen(matches) {
      return until(() => spans.find(matches));
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The spans from the one to the root, by name; `?` where a parent is not there. */
export function ancestry(spans: CollectedSpan[], span: CollectedSpan): string[] {
  if (span.parentId === '') return [span.name];
  const parent = spans.find(({ spanId, traceId }) => spanId === span.parentId && traceId === span.traceId);
  return [span.name, ...(parent ? ancestry(spans, parent) : ['?'])];
}

// biome-ignore lint/suspicious/noExplicitAny: as protobufjs gives it
type Loose = any;

function spansOf(bytes: Uint8Array): CollectedSpan[] {
  const decoded = ExportTraceServiceRequest.toObject(ExportTraceServiceRequest.decode(bytes), {
    longs: String,
    defaults: true,
    arrays: true,
  }) as Loose;
  return decoded.resourceSpans.flatMap(({ resource, scopeSpans }: Loose) =>
    scopeSpans.flatMap(({ spans }: Loose) =>
      spans.map((span: Loose) => ({
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentId: hex(span.parentSpanId),
        name: span.name,
        kind: span.kind,
        start: BigInt(span.startTimeUnixNano),
        end: BigInt(span.endTimeUnixNano),
        attributes: valuesOf(span.attributes),
        status: span.status?.code ?? 0,
        statusMessage: span.status?.message ?? '',
        service: valuesOf(resource.attributes)['service.name'],
      })),
    ),
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function valuesOf(attributes: Loose[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainOf(value)]));
}

function plainOf(value: Loose): unknown {
  if (value?.stringValue) return value.stringValue;
  if (value?.arrayValue) return value.arrayValue.values.map(plainOf);
  if (value?.boolValue) return value.boolValue;
  if (value?.doubleValue) return value.doubleValue;
  return value?.intValue === undefined ? undefined : Number(value.intValue);
}
