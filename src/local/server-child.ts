import { fork } from 'node:child_process';
import { recordProcess } from './leftovers.ts';
import { type Exit, exitOf, send, stopProcess } from './server-process.ts';

/** The Node process that is both worker and gateway. */
export interface ServerChild {
  url: string;
  pid: number;
  exited: Promise<Exit>;
  /** Lets it finish what it does (30 s), then kills it. */
  stop(): Promise<void>;
}

export interface ServerChildOptions {
  script: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  pidFile: string;
  signal?: AbortSignal;
}

const START_PATIENCE_MS = 60_000;
const DRAIN_PATIENCE_MS = 30_000;

/** Starts it, and resolves once it says `{ ready: true, url }`. It also ends by itself when we are gone and its channel closes.
 *  @throws Error when it ends, or stays silent for a minute, before it is ready */
export async function startServerChild(options: ServerChildOptions): Promise<ServerChild> {
  const child = fork(options.script, options.args, {
    // A group of its own: Ctrl-C in a terminal must reach us only, or it would stop before it is asked to.
    detached: true,
    env: options.env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = exitOf(child);
  const patience = AbortSignal.timeout(START_PATIENCE_MS);
  const givenUp = options.signal ? AbortSignal.any([options.signal, patience]) : patience;
  try {
    const url = await new Promise<string>((resolve, reject) => {
      child.on('message', (message) => {
        if (isReady(message)) resolve(message.url);
      });
      child.once('error', (error) => reject(new Error(`The server could not be started: ${error.message}`)));
      child.once('exit', (code, signal) =>
        reject(new Error(`The server ended (${signal ?? code}) before it was ready.`)),
      );
      givenUp.addEventListener('abort', () => reject(new Error('The server was not ready within a minute.')), {
        once: true,
      });
    });
    const pid = child.pid!;
    recordProcess(options.pidFile, pid);
    const stop = async () => {
      if (child.exitCode === null && child.signalCode === null) await stopProcess(pid, 'SIGTERM', DRAIN_PATIENCE_MS);
    };
    return { url, pid, exited, stop };
  } catch (error) {
    if (child.pid !== undefined) send(child.pid, 'SIGKILL');
    await exited;
    options.signal?.throwIfAborted();
    throw error;
  }
}

function isReady(message: unknown): message is { ready: true; url: string } {
  return (
    typeof message === 'object' && message !== null && 'ready' in message && message.ready === true && 'url' in message
  );
}
