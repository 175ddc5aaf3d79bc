import path from 'node:path';
import { type Environment, type NamedTemporal, namedTemporal, readEnvironment } from '../config/index.ts';
import { type Kept, keepRunning, type Part } from './keep-running.ts';
import { stopLeftover } from './leftovers.ts';
import { freePort } from './ports.ts';
import { type LocalPostgres, startPostgres } from './postgres.ts';
import { claimHome, type Running, writeRunning } from './running.ts';
import { type ServerChild, startServerChild } from './server-child.ts';
import { send } from './server-process.ts';
import { onStopSignals } from './stop-signals.ts';
import { type LocalTemporal, startTemporal } from './temporal.ts';
import { findTemporalCli, obtain } from './temporal-cli.ts';

export interface LocalOptions {
  env?: NodeJS.ProcessEnv;
  log?: (line: string) => void;
  /** what runs as worker and gateway */
  server: { script: string; args: string[] };
}

/** A program that uses what runs here. */
export interface Companion {
  /** Lets it finish what it does. @param signal it is asked with, as we were */
  stop(signal: NodeJS.Signals): Promise<void>;
  kill(): void;
}

export interface Local extends Running {
  /** Stops this one before all it uses. */
  accompany(companion: Companion): void;
  /** Stops who accompanies it, drains the server, then stops Temporal, then PostgreSQL. */
  stop(): Promise<void>;
  /** Resolves when everything has stopped, by `stop` or by a signal. */
  stopped: Promise<void>;
}

/**
 * Starts everything a run needs on this machine and keeps it running: PostgreSQL and Temporal, unless the environment
 * names others, and the server. All state lies in CADENZA_HOME. SIGINT, SIGTERM and SIGHUP stop it; a second one forces it.
 * @returns undefined when a signal came before all was started; everything has been stopped again
 * @throws Error when it already runs in this home, or a part does not start; nothing is left running
 */
export async function startLocal(options: LocalOptions): Promise<Local | undefined> {
  const begun = Date.now();
  const log = options.log ?? ((line: string) => process.stdout.write(`${line}\n`));
  const env = options.env ?? process.env;
  const environment = readEnvironment(env);
  const named = chosenTemporal(env);
  const releaseHome = claimHome(environment.home);
  const { promise: stopped, resolve: haveStopped } = Promise.withResolvers<void>();
  const stopping = new AbortController();
  const parts: Kept<Part>[] = [];
  let isUp = false;
  let ending: Promise<void> | undefined;
  let companion: Companion | undefined;
  let askedBy: NodeJS.Signals = 'SIGTERM';

  const stop = (): Promise<void> => {
    stopping.abort();
    ending ??= end();
    return ending;
  };
  const stopListening = onStopSignals(
    (signal) => {
      log('Stopping: what is in flight is finished first. Once more stops at once.');
      askedBy = signal;
      stopping.abort();
      if (isUp) void stop();
    },
    () => {
      log('Stopping at once');
      companion?.kill();
      for (const part of parts) send(part.current().pid, 'SIGKILL');
    },
  );
  async function end(): Promise<void> {
    await companion?.stop(askedBy);
    for (const part of parts.toReversed()) await part.stop();
    releaseHome();
    stopListening();
    haveStopped();
  }
  async function keep<T extends Part>(name: string, start: (before?: T) => Promise<T>): Promise<T> {
    const kept = await keepRunning(name, start, log, stopping.signal);
    parts.push(kept);
    return kept.current();
  }

  try {
    const given = { environment, named, env, log, signal: stopping.signal };
    const [postgres, temporal] = await bothSettled(
      environment.databaseUrl ? undefined : keep<LocalPostgres>('PostgreSQL', (before) => postgresOf(given, before)),
      named ? undefined : keep<LocalTemporal>('Temporal', (before) => temporalOf(given, before)),
    );
    const databaseUrl = environment.databaseUrl ?? postgres!.url;
    const temporalAddress = named?.address ?? temporal!.address;
    const port = await freePort(environment.port);
    if (environment.port !== 0 && port !== environment.port) {
      log(`Port ${environment.port} is taken; the server listens on ${port}`);
    }
    const where = {
      databaseUrl,
      temporalAddress,
      uiUrl: temporal?.uiUrl,
      temporalNamespace: namespaceOf(given),
      port,
    };
    const { script, args } = options.server;
    const pidFile = path.join(environment.home, 'server.pid');
    await stopLeftover(pidFile, 'SIGTERM', (pid) =>
      log(`A server left over from an earlier start (process ${pid}) is stopped`),
    );
    const server = await keep<ServerChild>('The server', () =>
      startServerChild({ script, args, pidFile, env: serverEnv(given, where), signal: stopping.signal }),
    );
    const running: Running = { pid: process.pid, url: server.url, ...where };
    stopping.signal.throwIfAborted();
    writeRunning(environment.home, running);
    isUp = true;
    for (const line of welcome(running, environment, Date.now() - begun)) log(line);
    const accompany = (given: Companion) => {
      companion = given;
    };
    return { ...running, accompany, stop, stopped };
  } catch (error) {
    const asked = stopping.signal.aborted;
    await stop();
    if (asked) return undefined;
    throw error;
  }
}

interface Given {
  environment: Environment;
  /** somebody else's Temporal */
  named?: NamedTemporal;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
  signal: AbortSignal;
}

/** The first time on the wanted port or the next free one; after a crash where it was, because others know it there. */
function postgresOf({ environment, log, signal }: Given, before?: LocalPostgres): Promise<LocalPostgres> {
  const dir = path.join(environment.home, 'postgres');
  return startPostgres({
    dir,
    port: before?.port ?? environment.postgresPort,
    exactPort: before !== undefined,
    log,
    signal,
  });
}

async function temporalOf(given: Given, before?: LocalTemporal): Promise<LocalTemporal> {
  const { environment, env, log, signal } = given;
  return startTemporal({
    cli: findTemporalCli(environment.home, env) ?? (await obtain('temporal', environment.home, log)),
    dbFile: path.join(environment.home, 'temporal.db'),
    port: before?.port ?? environment.temporalPort,
    uiPort: before?.uiPort ?? environment.temporalUiPort,
    exactPorts: before !== undefined,
    namespace: namespaceOf(given),
    sync: environment.temporalSync,
    codecEndpoint: environment.port === 0 ? undefined : `http://127.0.0.1:${environment.port}/codec`,
    log,
    signal,
  });
}

/** A profile that merely lies in a person's config folder is not asked to run what is started here. */
function chosenTemporal(env: NodeJS.ProcessEnv): NamedTemporal | undefined {
  const named = namedTemporal(env);
  return named?.chosen ? named : undefined;
}

function namespaceOf({ named, env }: Given): string {
  return named?.namespace ?? (env.TEMPORAL_NAMESPACE || 'default');
}

type Where = Omit<Running, 'pid' | 'url'>;

function serverEnv({ environment, named, env }: Given, where: Where): NodeJS.ProcessEnv {
  // Keys, certificates and profiles of another Temporal do not fit the one started here.
  const others = Object.entries(env).filter(([name]) => named || !name.startsWith('TEMPORAL_'));
  return {
    ...Object.fromEntries(others),
    ...(named ? {} : { TEMPORAL_CONFIG_FILE: path.join(environment.home, 'no-profile.toml') }),
    TEMPORAL_ADDRESS: where.temporalAddress,
    TEMPORAL_NAMESPACE: where.temporalNamespace,
    CADENZA_HOME: environment.home,
    CADENZA_DATABASE_URL: where.databaseUrl,
    CADENZA_PORT: String(where.port),
    CADENZA_TEMPORAL_UI_URL: where.uiUrl,
  };
}

function welcome(running: Running, environment: Environment, tookMs: number): string[] {
  const { host, pathname } = new URL(running.databaseUrl);
  const ui = running.uiUrl && `${running.uiUrl}/namespaces/${running.temporalNamespace}/workflows`;
  return [
    `Cadenza is ready after ${(tookMs / 1000).toFixed(1)} s. Ctrl-C stops it; everything is kept in ${environment.home}`,
    `  Page and API  ${running.url}`,
    `  Temporal      ${running.temporalAddress}${ui ? `, UI ${ui}` : ''}`,
    `  PostgreSQL    ${host}${pathname}`,
    `Try: npx cadenza run ask --input '{"prompt":"Why do rivers bend?"}' --watch`,
  ];
}

/** Like Promise.all, but waits for both: one that fails must not leave the other starting unseen. */
async function bothSettled<A, B>(a: Promise<A> | A, b: Promise<B> | B): Promise<[A, B]> {
  await Promise.allSettled([a, b]);
  return Promise.all([a, b]);
}
