import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ChatCompletionRequest, type FixtureOpts, type FixtureResponse, LLMock } from '@copilotkit/aimock';

/** What a wire sent, as it was on the line. */
export interface Sent {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: a body of any of the four wires, read by tests field by field
  body: any;
}

export interface Peer {
  url: string;
  sent: Sent[];
  /** connections it was asked by */
  connections(): number;
  stop(): Promise<void>;
}

export type Handler = (request: IncomingMessage, response: ServerResponse, sent: Sent) => void | Promise<void>;

/** A server that answers as the handler says, and keeps what it was sent. */
export async function scriptedPeer(handler: Handler): Promise<Peer> {
  const sent: Sent[] = [];
  const server = createServer(async (incoming, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString();
    const { method = '', url: path = '', headers } = incoming;
    const one = { method, path, headers, body: text ? JSON.parse(text) : undefined };
    sent.push(one);
    await handler(incoming, response, one);
  });
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    connections: () => connections,
    async stop() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

export type Reply = FixtureResponse | ((request: ChatCompletionRequest) => FixtureResponse);

/** aimock as the provider, behind a server that keeps the bodies as they were sent. */
export async function mockPeer(reply: Reply, opts: FixtureOpts = {}): Promise<Peer> {
  const mock = new LLMock({ port: 0, host: '127.0.0.1' });
  mock.on({ predicate: () => true }, reply, opts);
  const target = new URL(await mock.start());
  const peer = await scriptedPeer((incoming, response, sent) => {
    const body = sent.body === undefined ? '' : JSON.stringify(sent.body);
    const headers = { ...incoming.headers, 'content-length': String(Buffer.byteLength(body)) };
    const { hostname, port } = target;
    const onward = request({ hostname, port, path: sent.path, method: sent.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    response.on('close', () => onward.destroy());
    onward.on('error', () => response.destroy());
    onward.end(body);
  });
  return {
    ...peer,
    async stop() {
      await peer.stop();
      await mock.stop();
    },
  };
}

/** Server-sent events, one for each object, with the event's name where the wire has one. */
export function sse(...events: unknown[]): string {
  return events
    .map((event) => `${nameOf(event)}data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
    .join('');
}

function nameOf(event: unknown): string {
  const type = typeof event === 'object' && event !== null ? (event as { type?: string }).type : undefined;
  return type ? `event: ${type}\n` : '';
}
