import { once } from 'node:events';
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import type { Log } from '../contract/index.ts';
import type { GatewayApp } from './app.ts';

/** ms that a request's headers may take to come, and all of it: a data set of 1 GB comes in time at 2 MB/s */
const HEADERS_WITHIN_MS = 10_000;
const REQUEST_WITHIN_MS = 600_000;
/** ms that requests may still take when the server closes */
const DRAIN_MS = 10_000;
const PORTS_TRIED = 50;

export interface ServedGateway {
  url: string;
  port: number;
  /** Takes no more requests, ends event streams, lets requests finish for a while, then hangs up. */
  close(): Promise<void>;
}

/** What comes of it, or undefined where the server closes first: it does not wait for runs and answers, which come all
 *  the same. */
export async function unlessClosing<Value>(coming: Promise<Value>, closing?: AbortSignal): Promise<Value | undefined> {
  if (!closing) return coming;
  const closed = Promise.withResolvers<undefined>();
  const stop = () => closed.resolve(undefined);
  if (closing.aborted) stop();
  closing.addEventListener('abort', stop);
  try {
    return await Promise.race([coming, closed.promise]);
  } finally {
    closing.removeEventListener('abort', stop);
    coming.catch(() => {});
  }
}

/** Puts the gateway on a port; where it is taken, on the next free one. Port 0 takes any. */
export async function serveGateway(options: {
  app: GatewayApp;
  port: number;
  host: string;
  log?: Log;
  drainMs?: number;
  headersWithinMs?: number;
}): Promise<ServedGateway> {
  const { app, host, log, drainMs = DRAIN_MS, headersWithinMs = HEADERS_WITHIN_MS } = options;
  const closing = new AbortController();
  const server = createAdaptorServer({
    fetch: (request, env) => app.fetch(request, { ...env, closing: closing.signal }),
    serverOptions: {
      headersTimeout: headersWithinMs,
      requestTimeout: REQUEST_WITHIN_MS,
      connectionsCheckingInterval: headersWithinMs / 4,
    },
  }) as Server;
  const port = await listen(server, options.port, host);
  if (options.port !== 0 && port !== options.port) {
    log?.warn({ port }, `Port ${options.port} is taken, so the gateway is at ${port}. Choose one with CADENZA_PORT.`);
  }
  return { url: urlOf(host, port), port, close: () => close(server, closing, drainMs) };
}

async function listen(server: Server, wanted: number, host: string): Promise<number> {
  const last = wanted === 0 ? 0 : Math.min(wanted + PORTS_TRIED - 1, 65_535);
  for (let port = wanted; ; port++) {
    try {
      server.listen(port, host);
      await once(server, 'listening');
      const address = server.address();
      return typeof address === 'object' && address ? address.port : port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || port >= last) throw cannotListen(error, port, host);
    }
  }
}

function cannotListen(error: unknown, port: number, host: string): Error {
  const reason = error instanceof Error ? error.message : String(error);
  return new Error(`The gateway cannot listen at ${host}:${port}: ${reason}. Choose another port with CADENZA_PORT.`, {
    cause: error,
  });
}

async function close(server: Server, closing: AbortController, drainMs: number): Promise<void> {
  closing.abort();
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const hangUp = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearTimeout(hangUp);
}

function urlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
