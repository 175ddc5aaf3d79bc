import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { freePort, isFree } from './ports.ts';
import { type Cluster, DATABASE_OWNER, openCluster } from './postgres-cluster.ts';
import { type Exit, isOurs, type ServerProcess, startProcess, stopProcess } from './server-process.ts';

export interface LocalPostgres {
  /** the database `cadenza`, with its password, as a superuser who may also create others */
  url: string;
  port: number;
  pid: number;
  exited: Promise<Exit>;
  /** Ends open connections, writes everything down, and resolves once the process is gone. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** holds the data, the password and the log; made when missing */
  dir: string;
  /** wanted; 0 takes any */
  port: number;
  /** fail when the wanted port is taken instead of moving on to the next */
  exactPort?: boolean;
  /** gives up starting */
  signal?: AbortSignal;
  log: (line: string) => void;
}

const HOST = '127.0.0.1';
const DATABASE = 'cadenza';
const START_PATIENCE_MS = 60_000;
const SETTINGS = {
  listen_addresses: HOST,
  // Everything goes through TCP: the path of a socket may be too long, and its folder not writable.
  unix_socket_directories: '',
  max_connections: '200',
  timezone: 'UTC',
  log_timezone: 'UTC',
  client_connection_check_interval: '1000',
};

/** Starts the PostgreSQL that comes with the package, on 127.0.0.1 only, and resolves once it answers queries.
 *  A server left over from a killed process is stopped first; what it had committed is recovered.
 *  @throws Error with the server's last words when it does not start */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const { dir, log } = options;
  const cluster = await openCluster(path.resolve(dir), log);
  await stopLeftover(cluster, log);
  const wanted = options.port;
  for (let from = wanted; ; ) {
    const port = options.exactPort ? wanted : await freePort(from);
    const server = await serve(cluster, path.join(path.resolve(dir), 'postgres.log'), port);
    if (await becomesReady(server, cluster, port, options.signal)) {
      if (wanted !== 0 && port !== wanted) log(`Port ${wanted} is taken; PostgreSQL listens on ${port}`);
      await createDatabase(cluster, port);
      const { pid, exited, stop } = server;
      return { url: urlOf(cluster, port, DATABASE), port, pid, exited, stop };
    }
    const words = server.lastWords();
    await server.stop();
    options.signal?.throwIfAborted();
    const lostRace = !options.exactPort && wanted !== 0 && !(await isFree(port));
    if (!lostRace) throw new Error(`PostgreSQL did not start on port ${port}. It said:\n${words}`);
    from = port + 1;
  }
}

function serve(cluster: Cluster, logFile: string, port: number): Promise<ServerProcess> {
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return startProcess({
    command: cluster.programs.postgres,
    args: ['-D', cluster.dataDir, '-p', String(port), ...settings],
    logFile,
    // "Fast": open connections are ended; SIGTERM would wait for their owners to leave.
    stopSignal: 'SIGINT',
    user: cluster.user && { uid: cluster.user.uid, gid: cluster.user.gid },
  });
}

async function becomesReady(
  server: ServerProcess,
  cluster: Cluster,
  port: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = Date.now() + START_PATIENCE_MS;
  while (!server.hasExited() && !signal?.aborted && Date.now() < deadline) {
    // The cluster's own random password tells it from another server that took the port.
    const ready = await query(urlOf(cluster, port, 'postgres'), 'select 1').then(
      () => true,
      () => false,
    );
    if (ready) return !server.hasExited();
    await delay(20);
  }
  return false;
}

async function createDatabase(cluster: Cluster, port: number): Promise<void> {
  const admin = urlOf(cluster, port, 'postgres');
  const found = await query(admin, `select 1 from pg_database where datname = '${DATABASE}'`);
  if (found === 0) await query(admin, `create database ${DATABASE}`);
}

async function query(url: string, sql: string): Promise<number> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(sql)).rowCount ?? 0;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function urlOf(cluster: Cluster, port: number, database: string): string {
  return `postgresql://${DATABASE_OWNER}:${cluster.password}@${HOST}:${port}/${database}`;
}

async function stopLeftover(cluster: Cluster, log: (line: string) => void): Promise<void> {
  const pidFile = path.join(cluster.dataDir, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  if (isOurs(pid, cluster.dataDir)) {
    log(`A PostgreSQL left over from an earlier start (process ${pid}) is stopped`);
    await stopProcess(pid, 'SIGINT');
  }
  disown(pidFile);
}

/** PostgreSQL does not start while any process has the id its killed predecessor noted: one that is dead but not reaped,
 *  as under a container's process 1, or somebody else's. Under its parent's id it knows the note for stale, and still
 *  looks for children of the predecessor by the shared memory that the note names. */
function disown(pidFile: string): void {
  if (!existsSync(pidFile)) return;
  const [, ...rest] = readFileSync(pidFile, 'utf8').split('\n');
  writeFileSync(pidFile, [process.pid, ...rest].join('\n'));
}
