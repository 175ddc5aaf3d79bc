import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';

/** A TCP connection to the tests' Temporal that can be cut and mended. */
export interface TemporalWire {
  address: string;
  /** pieces of what was said to the server so far */
  said(): number;
  isCut(): boolean;
  cut(): void;
  mend(): void;
  close(): void;
}

/** @param delayMs so long the server's answers take */
export async function temporalWire(delayMs = 0): Promise<TemporalWire> {
  const { hostname, port } = new URL(`tcp://${process.env.CADENZA_TEST_TEMPORAL_ADDRESS}`);
  const open = new Set<Socket>();
  let isCut = false;
  let said = 0;
  const server = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = dial(Number(port), hostname);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        open.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    near.on('data', () => {
      said += 1;
    });
    if (delayMs === 0) far.pipe(near);
    else far.on('data', (data) => setTimeout(() => near.write(data), delayMs));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const drop = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    said: () => said,
    isCut: () => isCut,
    cut() {
      isCut = true;
      drop();
    },
    mend() {
      isCut = false;
    },
    close() {
      drop();
      server.close();
    },
  };
}
