import { connect, createServer } from 'node:net';

const HOST = '127.0.0.1';

/** The first free port of 127.0.0.1 at or above the wanted one. @param wanted 0 takes any
 *  @throws Error when none of the fifty ports from there on is free */
export async function freePort(wanted: number): Promise<number> {
  if (wanted === 0) return listenOnce(0);
  for (let port = wanted; port < Math.min(wanted + 50, 65_536); port++) {
    if (await isFree(port)) return port;
  }
  throw new Error(`No port is free between ${wanted} and ${wanted + 49}. Set another start for it in the environment.`);
}

export async function isFree(port: number): Promise<boolean> {
  // A listener on all addresses does not stop us from listening on 127.0.0.1 under macOS, so ask for one as well.
  if (await answers(port)) return false;
  return listenOnce(port).then(
    () => true,
    () => false,
  );
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, HOST, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}

/** Whether something accepts connections at this port of 127.0.0.1. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: HOST });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.setTimeout(1000, () => end(false));
  });
}
