import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './metrics.ts';

export interface ServedOperations {
  port: number;
  close(): Promise<void>;
}

export interface OperationsOptions {
  port: number;
  host: string;
  /** asked anew each time: a process that begins has none yet */
  metrics(): Metrics | undefined;
  /** @throws where the process cannot do its work now */
  ready(): Promise<void>;
}

/**
 * What looks after a process asks it here, without a key: `GET /health/live` (it answers), `/health/ready` (it can do its
 * work), `/metrics`. For a worker, which has no other port; and beside a gateway's own, which asks for a key.
 * @throws Error where the port is taken: it is known to whoever looks there, so no other will do
 */
export async function serveOperations({ port, host, metrics, ready }: OperationsOptions): Promise<ServedOperations> {
  const server = createServer(async ({ url = '', method }, response) => {
    const answer = (status: number, body: string, type = 'application/json') => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(`${body}\n`);
    };
    const path = url.split('?')[0];
    if (method !== 'GET' && method !== 'HEAD') return answer(405, '{"status":"unknown"}');
    if (path === '/health/live') return answer(200, '{"status":"ok"}');
    if (path === '/health/ready') {
      return ready().then(
        () => answer(200, '{"status":"ok"}'),
        () => answer(503, '{"status":"unavailable"}'),
      );
    }
    const counted = path === '/metrics' ? metrics() : undefined;
    if (!counted) return answer(404, '{"status":"unknown"}');
    return counted.text().then(
      (text) => answer(200, text, counted.contentType),
      () => answer(500, '{"status":"failed"}'),
    );
  });
  server.listen(port, host);
  await once(server, 'listening').catch((cause) => {
    const hint = 'Set another CADENZA_METRICS_PORT, or none.';
    throw new Error(`Nothing can listen at ${host}:${port} for metrics: ${cause.message}. ${hint}`, { cause });
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
