import type { Cadenza } from '../client/cadenza.ts';
import { loadConfig, readEnvironment } from '../config/index.ts';
import type { Log } from '../contract/index.ts';
import type { ServedGateway } from '../gateway/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { RunningWorker } from '../workers/index.ts';
import type { Target } from './find-target.ts';
import { VERSION } from './version.ts';

/** What Temporal's native code says goes into the log as well: it would print it to stdout, between lines of JSON. */
const NATIVE_LOG = { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } } as const;

/** A worker for what the target names. */
export async function launchWorker(target: Target, log: Log, taskQueue?: string): Promise<RunningWorker> {
  const [{ startWorker }, temporal] = await Promise.all([import('../workers/index.ts'), import('@temporalio/worker')]);
  // Signals are left to us: the gateway closes before the worker drains.
  temporal.Runtime.install({ shutdownSignals: [], logger: workerLogger(temporal, log), telemetryOptions: NATIVE_LOG });
  const { temporalAddress, namespace, databaseUrl } = target;
  const config = await loadConfig();
  let running: RunningWorker | undefined;
  const observed = await observe(log, () => running);
  try {
    const { env } = process;
    const worker = await startWorker({ temporalAddress, namespace, databaseUrl, env, config, log, taskQueue });
    running = worker;
    const drain = async () => {
      running = undefined;
      await worker.drain();
      await observed.close();
    };
    let drained: Promise<void> | undefined;
    return { ...worker, drain: () => (drained ??= drain()) };
  } catch (error) {
    await observed.close();
    throw error;
  }
}

export interface Observable {
  client: Pick<Cadenza, 'ready'>;
  metrics: Metrics;
}

/** Lets others look at what this process does: traces and metrics, where the environment asks for them.
 *  @param running what there is to look at, while it works */
export async function observe(log: Log, running: () => Observable | undefined): Promise<{ close(): Promise<void> }> {
  const { metricsPort: port, metricsHost: host } = readEnvironment(process.env);
  const { serveOperations, startTracing } = await import('../telemetry/index.ts');
  const stopTracing = await startTracing({ env: process.env, log });
  const ready = async () => {
    const now = running();
    if (!now) throw new Error('It does not work now');
    await now.client.ready();
  };
  let last: Metrics | undefined;
  const metrics = () => (last = running()?.metrics ?? last);
  const operations = port === undefined ? undefined : await serveOperations({ port, host, metrics, ready });
  return {
    async close() {
      await operations?.close();
      await stopTracing();
    },
  };
}

/** A gateway before a client. */
export async function launchGateway(options: {
  client: Cadenza;
  target: Target;
  log: Log;
  host: string;
  port: number;
  slots?: RunningWorker['slots'];
  metrics?: Metrics;
}): Promise<ServedGateway> {
  const { client, target, log, host, port, slots, metrics } = options;
  const { createGateway, isOpen, serveGateway } = await import('../gateway/index.ts');
  const { apiKeys, webhookSecret } = readEnvironment(process.env);
  const { agents, people, workflows: own, gateway, gatewayUrl } = await loadConfig();
  const open = await isOpen({ apiKeys, host, client });
  const links = { temporalUiUrl: target.uiUrl, namespace: target.namespace };
  const workflows = Object.keys(own);
  const app = createGateway({
    ...{ client, links, apiKeys, open, cors: gateway.cors, webhookSecret, people, agents, gatewayUrl, workflows },
    ...{ version: VERSION, log, slots, metrics },
  });
  return serveGateway({ app, port, host, log });
}

/** Lets Temporal's worker write into our log. */
function workerLogger({ DefaultLogger }: typeof import('@temporalio/worker'), log: Log) {
  return new DefaultLogger('WARN', ({ level, message, meta }) => {
    if (level === 'ERROR') log.error({ ...meta }, message);
    else log.warn({ ...meta }, message);
  });
}
