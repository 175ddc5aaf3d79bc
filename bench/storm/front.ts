import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One address before several gateways. */
export interface Front {
  url: string;
  /** requests that one gateway refused and another took; connections that broke in the midst of an answer */
  counts: { movedOn: number; cut: number; refused: number };
  close(): Promise<void>;
}

/**
 * A reverse proxy as one puts it before gateways: each in turn, another where one does not accept the connection. What a
 * gateway had begun to answer when it was killed breaks off for the client too.
 */
export async function openFront(gateways: () => string[]): Promise<Front> {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const counts: Front['counts'] = { movedOn: 0, cut: 0, refused: 0 };
  let turn = 0;
  const server = createServer(async (incoming, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece as Buffer);
    const urls = gateways();
    turn += 1;
    const inTurn = urls.map((_, nth) => urls[(turn + nth) % urls.length]!);
    pass(incoming, Buffer.concat(pieces), response, inTurn);
  });

  function pass(incoming: IncomingMessage, body: Buffer, response: ServerResponse, [url, ...others]: string[]): void {
    if (url === undefined) {
      counts.refused += 1;
      response.writeHead(503, { 'content-type': 'text/plain' }).end('No gateway accepts connections.\n');
      return;
    }
    const { method, headers } = incoming;
    const onward = request(new URL(incoming.url ?? '/', url), { method, headers, agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on('error', () => {
        if (!response.destroyed) counts.cut += 1;
        response.destroy();
      });
    });
    onward.on('error', (error: NodeJS.ErrnoException) => {
      if (response.destroyed || response.headersSent) return;
      // A gateway that had hung up on a connection that lay idle has not read the request.
      if (onward.reusedSocket && error.code === 'ECONNRESET') {
        pass(incoming, body, response, [url, ...others]);
        return;
      }
      if (error.code === 'ECONNREFUSED') {
        counts.movedOn += 1;
        pass(incoming, body, response, others);
        return;
      }
      counts.cut += 1;
      response.destroy();
    });
    response.on('close', () => onward.destroy());
    onward.end(body);
  }

  server.keepAliveTimeout = 300_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    async close() {
      server.closeAllConnections();
      agent.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}
