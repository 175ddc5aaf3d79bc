import { context, DiagLogLevel, diag, propagation, trace } from '@opentelemetry/api';
import type { Log } from '../contract/index.ts';
import { spanIds } from './span-ids.ts';

/** Ends what exports spans, once those that are made are sent. */
export type StopTracing = () => Promise<void>;

/** How long a process that ends waits for whoever takes its spans, ms. */
const FLUSH_WITHIN_MS = 5_000;

/** Whether OpenTelemetry's own variables ask for traces. */
export function wantsTraces(env: NodeJS.ProcessEnv): boolean {
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const isOff = env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true' || env.OTEL_TRACES_EXPORTER?.trim() === 'none';
  return Boolean(endpoint) && !isOff;
}

/**
 * Exports this process's spans by OTLP over HTTP, as OpenTelemetry's own variables say (`OTEL_EXPORTER_OTLP_ENDPOINT`,
 * `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`). Without
 * them nothing is loaded, and nothing done; nor where the process has a tracer provider of its own.
 */
export async function startTracing({
  env = process.env,
  log,
}: {
  env?: NodeJS.ProcessEnv;
  log?: Log;
} = {}): Promise<StopTracing> {
  if (!wantsTraces(env)) return async () => {};
  const [sdk, { OTLPTraceExporter }, { AsyncLocalStorageContextManager }, resources, core] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/core'),
  ]);
  const warn = (message: string, ...about: unknown[]) => log?.warn({ about: about.map(String) }, `traces: ${message}`);
  diag.setLogger({ error: warn, warn, info() {}, debug() {}, verbose() {} }, { logLevel: DiagLogLevel.WARN });
  const number = (name: string) => (env[name] ? Number(env[name]) : undefined);
  const provider = new sdk.TracerProvider({
    idGenerator: spanIds,
    sampler: samplerOf(sdk, env),
    resource: resources
      .defaultResource()
      .merge(resources.resourceFromAttributes({ 'service.name': 'cadenza' }))
      .merge(resources.detectResources({ detectors: [resources.envDetector] })),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        maxQueueSize: number('OTEL_BSP_MAX_QUEUE_SIZE') ?? 20_000,
        maxExportBatchSize: number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE'),
        scheduledDelayMillis: number('OTEL_BSP_SCHEDULE_DELAY'),
        exportTimeoutMillis: number('OTEL_BSP_EXPORT_TIMEOUT'),
      }),
    ],
  });
  if (!trace.setGlobalTracerProvider(provider)) return () => provider.shutdown();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  return async () => {
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, FLUSH_WITHIN_MS).unref());
    await Promise.race([provider.shutdown().catch((error) => warn('not all could be sent', error)), timeout]);
    for (const api of [trace, context, propagation, diag]) api.disable();
  };
}

/** By the names of the OpenTelemetry specification. @throws Error for another one */
function samplerOf(
  sdk: typeof import('@opentelemetry/sdk-trace'),
  { OTEL_TRACES_SAMPLER: name = 'parentbased_always_on', OTEL_TRACES_SAMPLER_ARG: ratio = '1' }: NodeJS.ProcessEnv,
) {
  const roots = {
    always_on: () => new sdk.AlwaysOnSampler(),
    always_off: () => new sdk.AlwaysOffSampler(),
    traceidratio: () => new sdk.TraceIdRatioBasedSampler(Number(ratio)),
  };
  const [, isByParent, root] = /^(parentbased_)?(.*)$/.exec(name.trim().toLowerCase())!;
  if (!Object.hasOwn(roots, root!)) {
    throw new Error(
      `OTEL_TRACES_SAMPLER is "${name}". Known: ${Object.keys(roots).join(', ')}, each also parentbased_`,
    );
  }
  const sampler = roots[root as keyof typeof roots]();
  return isByParent ? new sdk.ParentBasedSampler({ root: sampler }) : sampler;
}
