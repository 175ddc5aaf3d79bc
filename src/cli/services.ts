import type { Cadenza } from '../client/cadenza.ts';
import { loadConfig, readEnvironment } from '../config/index.ts';
import type { Log } from '../contract/index.ts';
import type { ServedGateway } from '../gateway/index.ts';
import type { RunningWorker } from '../workers/index.ts';
import type { Target } from './find-target.ts';
import { VERSION } from './version.ts';

/** A worker for what the target names. */
export async function launchWorker(target: Target, log: Log, taskQueue?: string): Promise<RunningWorker> {
  const [{ startWorker }, temporal] = await Promise.all([import('../workers/index.ts'), import('@temporalio/worker')]);
  // Signals are left to us: the gateway closes before the worker drains.
  temporal.Runtime.install({ shutdownSignals: [], logger: workerLogger(temporal, log) });
  const { temporalAddress, namespace, databaseUrl } = target;
  const config = await loadConfig();
  return startWorker({ temporalAddress, namespace, databaseUrl, env: process.env, config, log, taskQueue });
}

/** A gateway before a client. */
export async function launchGateway(options: {
  client: Cadenza;
  target: Target;
  log: Log;
  host: string;
  port: number;
  slots?: RunningWorker['slots'];
}): Promise<ServedGateway> {
  const { client, target, log, host, port, slots } = options;
  const { createGateway, isOpen, serveGateway } = await import('../gateway/index.ts');
  const { apiKeys, webhookSecret } = readEnvironment(process.env);
  const { agents, people, workflows: own, gateway, gatewayUrl } = await loadConfig();
  const open = await isOpen({ apiKeys, host, client });
  const links = { temporalUiUrl: target.uiUrl, namespace: target.namespace };
  const workflows = Object.keys(own);
  const app = createGateway({
    ...{ client, links, apiKeys, open, cors: gateway.cors, webhookSecret, people, agents, gatewayUrl, workflows },
    ...{ version: VERSION, log, slots },
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
