import pino from 'pino';
import { createGateway, type GatewayOptions, type ServedGateway, serveGateway } from '../../src/gateway/index.ts';
import { memoryClient } from './memory-client.ts';

/** A gateway on a free port before a client in memory, with what it logged. */
export async function gatewayForTest(options: Partial<GatewayOptions> & { drainMs?: number } = {}) {
  const memory = memoryClient();
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  const { drainMs, ...rest } = options;
  const links = { temporalUiUrl: 'http://localhost:8233/', namespace: 'default' };
  const app = createGateway({ client: memory.client, links, apiKeys: [], version: '1.2.3', log, ...rest });
  const served: ServedGateway = await serveGateway({ app, port: 0, host: '127.0.0.1', log, drainMs });
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(served.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return {
    ...memory,
    app,
    served,
    logged,
    log,
    post,
    get: (path: string, init?: RequestInit) => fetch(served.url + path, init),
  };
}

export type TestGateway = Awaited<ReturnType<typeof gatewayForTest>>;
