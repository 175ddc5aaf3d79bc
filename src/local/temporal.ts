import { mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../contract/index.ts';
import { recordProcess, stopLeftover } from './leftovers.ts';
import { answers, freePort, isFree } from './ports.ts';
import { type Exit, type ServerProcess, startProcess } from './server-process.ts';

export interface LocalTemporal {
  address: string;
  uiUrl: string;
  port: number;
  uiPort: number;
  pid: number;
  exited: Promise<Exit>;
  stop(): Promise<void>;
}

/** `full`: each commit waits for the disk. `normal`: the disk follows; a process killed at any moment loses nothing, a
 *  power cut may lose the last minute. */
export type TemporalSync = 'full' | 'normal';

export interface TemporalOptions {
  /** path of the `temporal` program */
  cli: string;
  /** everything is kept in memory, and lost at its end, when not given */
  dbFile?: string;
  /** where its output goes; beside the database file when not given */
  logFile?: string;
  /** wanted; 0 takes any */
  port: number;
  /** wanted; 0 takes any */
  uiPort: number;
  /** fail when a wanted port is taken instead of moving on to the next */
  exactPorts?: boolean;
  /** gives up starting */
  signal?: AbortSignal;
  namespace: string;
  /** when what is committed is on the disk; `normal` when not given */
  sync?: TemporalSync;
  searchAttributes?: Record<string, string>;
  /** of a codec server, which its UI asks to open payloads */
  codecEndpoint?: string;
  log: (line: string) => void;
}

const HOST = '127.0.0.1';
const START_PATIENCE_MS = 60_000;
/** Besides its two ports the server takes some for itself, and panics where somebody was quicker: so often it is started anew. */
const MOST_CRASHES = 4;
/** 40 MB of a write-ahead log before it is worked into the file: a page that is written often is copied once. (The default, 1,000
 *  pages, is some dozen runs. Measured: 5 % more runs a second.) */
const WAL_PAGES = '10000';
/** Worker, database and server share this machine: with a thread for each core the server spends much of its time waking others
 *  of its own. (Measured on two cores: 5 % more runs a second in the direct lane, 10 % in the others.) */
const THREADS = String(Math.max(1, Math.floor(os.availableParallelism() / 2)));
const SETTINGS = [
  // The server's own default looks for work to hand on 20 times a second for each shard, of which it has one: every hop
  // of a run waits for the next look. (Measured: three activities 150 ms, without the wait 42.)
  'history.transferProcessorMaxPollRPS=100000',
  // Each time a run's task is lost with its worker the next one may take longer, by default up to 10 minutes: a worker that
  // is killed over that one leaves the run alone for so long.
  'history.workflowTaskRetryMaxInterval="10s"',
];

/** Starts a Temporal development server with its UI, on 127.0.0.1 only, and resolves once it serves.
 *  A server left over from a killed process is stopped first.
 *  @throws Error with the server's last words when it does not start */
export async function startTemporal(options: TemporalOptions): Promise<LocalTemporal> {
  const { log } = options;
  if (options.dbFile) {
    mkdirSync(path.dirname(options.dbFile), { recursive: true });
    await stopLeftover(pidFileOf(options.dbFile), 'SIGTERM', (pid) =>
      log(`A Temporal server left over from an earlier start (process ${pid}) is stopped`),
    );
  }
  let { port: from, uiPort: uiFrom } = options;
  let crashes = 0;
  for (;;) {
    const port = options.exactPorts ? from : await freePort(from);
    const uiPort = options.exactPorts ? uiFrom : await freePort(uiFrom === port ? uiFrom + 1 : uiFrom);
    const server = await serve(options, port, uiPort);
    if (await becomesReady(server, port, uiPort, options.signal)) {
      if (options.port !== 0 && port !== options.port)
        log(`Port ${options.port} is taken; Temporal listens on ${port}`);
      if (options.uiPort !== 0 && uiPort !== options.uiPort) {
        log(`Port ${options.uiPort} is taken; the Temporal UI listens on ${uiPort}`);
      }
      return started(server, port, uiPort);
    }
    const words = server.lastWords();
    const hasCrashed = server.hasExited();
    await server.stop();
    options.signal?.throwIfAborted();
    const [portLost, uiPortLost] = [!(await isFree(port)), !(await isFree(uiPort))];
    if (!portLost && !uiPortLost && hasCrashed && crashes < MOST_CRASHES) {
      crashes += 1;
      continue;
    }
    if (options.exactPorts || !(portLost || uiPortLost)) {
      throw new Error(`Temporal did not start on port ${port}. It said:\n${words}`);
    }
    if (portLost && from !== 0) from = port + 1;
    if (uiPortLost && uiFrom !== 0) uiFrom = uiPort + 1;
  }
}

function started(server: ServerProcess, port: number, uiPort: number): LocalTemporal {
  const { pid, exited, stop } = server;
  return { address: `${HOST}:${port}`, uiUrl: `http://${HOST}:${uiPort}`, port, uiPort, pid, exited, stop };
}

async function serve(options: TemporalOptions, port: number, uiPort: number): Promise<ServerProcess> {
  const { dbFile, namespace, sync = 'normal', searchAttributes = SEARCH_ATTRIBUTES } = options;
  const server = await startProcess({
    command: options.cli,
    args: [
      ...['server', 'start-dev', '--ip', HOST, '--port', String(port), '--ui-port', String(uiPort)],
      ...['--namespace', namespace, '--ui-disable-news-fetch', '--log-level', 'warn'],
      ...SETTINGS.flatMap((setting) => ['--dynamic-config-value', setting]),
      ...(options.codecEndpoint ? ['--ui-codec-endpoint', options.codecEndpoint] : []),
      ...(dbFile
        ? [
            '--db-filename',
            dbFile,
            ...pragmas({ journal_mode: 'wal', wal_autocheckpoint: WAL_PAGES, synchronous: sync }),
          ]
        : []),
      ...Object.entries(searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
    ],
    logFile: options.logFile ?? (dbFile ? path.join(path.dirname(dbFile), 'temporal.log') : '/dev/null'),
    stopSignal: 'SIGTERM',
    env: {
      GOMAXPROCS: THREADS,
      ...process.env,
      TEMPORAL_ENV: undefined,
      TEMPORAL_CONFIG_FILE: undefined,
      HOME: process.env.HOME ?? os.tmpdir(),
    },
  });
  if (dbFile) recordProcess(pidFileOf(dbFile), server.pid);
  return server;
}

async function becomesReady(
  server: ServerProcess,
  port: number,
  uiPort: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = Date.now() + START_PATIENCE_MS;
  while (!server.hasExited() && !signal?.aborted && Date.now() < deadline) {
    if ((await answers(port)) && (await isServing(`${HOST}:${port}`)) && (await answers(uiPort)))
      return !server.hasExited();
    await delay(20);
  }
  return false;
}

/** Asks the standard gRPC health service, so that "listening" is not taken for "serving". */
async function isServing(address: string): Promise<boolean> {
  const connection = Connection.lazy({ address, connectTimeout: '2 seconds' });
  try {
    const asked = connection.healthService.check({ service: 'temporal.api.workflowservice.v1.WorkflowService' });
    return (await asked).status === 1;
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}

const pragmas = (values: Record<string, string>) =>
  Object.entries(values).flatMap(([name, value]) => ['--sqlite-pragma', `${name}=${value}`]);

const pidFileOf = (dbFile: string) => `${dbFile}.pid`;
