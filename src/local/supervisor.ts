import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Environment, readEnvironment } from '../config/environment.ts';
import { type Kept, keepRunning } from './keep-running.ts';
import { stopLeftover } from './leftovers.ts';
import { freePort } from './ports.ts';
import { type LocalPostgres, startPostgres } from './postgres.ts';
import { claimHome, type Running, writeRunning } from './running.ts';
import { type ServerChild, startServerChild } from './server-child.ts';
import { send } from './server-process.ts';
import { onStopSignals } from './stop-signals.ts';
import { type LocalTemporal, startTemporal } from './temporal.ts';
import { downloadTemporalCli, findTemporalCli } from './temporal-cli.ts';

export interface LocalOptions {
  env?: NodeJS.ProcessEnv;
  log?: (line: string) => void;
  /** what runs as worker and gateway; `dist/cli/main.js serve --embedded` when not given */
  server?: { script: string; args: string[] };
}

export interface Local extends Running {
  /** Drains the server, then stops Temporal, then PostgreSQL. */
  stop(): Promise<void>;
  /** Resolves when everything has stopped, by `stop` or by a signal. */
  stopped: Promise<void>;
}

const SERVER = { script: fileURLToPath(new URL('../cli/main.js', import.meta.url)), args: ['serve', '--embedded'] };

/**
 * Starts everything a run needs on this machine, and keeps it running: PostgreSQL and Temporal, unless the environment
 * names others, and the server. All state lies in CADENZA_HOME. SIGINT, SIGTERM and SIGHUP stop it; a second one forces it.
 * @returns undefined when a signal came before all was started, and everything has been stopped again
 * @throws Error when it already runs in this home, or a part does not start; then nothing is left running
 */
export async function startLocal(options: LocalOptions = {}): Promise<Local | undefined> {
  const begun = Date.now();
  const env = options.env ?? process.env;
  const environment = readEnvironment(env);
  const log = options.log ?? ((line: string) => process.stdout.write(`${line}\n`));
  const { home } = environment;
  const releaseHome = claimHome(home);
  const parts: Kept<{ pid: number; exited: Promise<never> | ServerChild['exited']; stop(): Promise<void> }>[] = [];
  const stopping = new AbortController();
  const { promise: stopped, resolve: haveStopped } = Promise.withResolvers<void>();

  const stop = async () => {
    stopping.abort();
    while (parts.length > 0) await parts.pop()!.stop();
    releaseHome();
    removeHandlers();
    haveStopped();
  };
  return undefined;
}
