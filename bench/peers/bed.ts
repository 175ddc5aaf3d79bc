import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { findTemporalCli, startPostgres, startTemporal } from '../../src/local/index.ts';
import { answers, freePort } from '../../src/local/ports.ts';
import { type ServerProcess, startProcess } from '../../src/local/server-process.ts';
import type { Bed, Server } from './contender.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const HOST = '127.0.0.1';
const START_PATIENCE_MS = 60_000;
/** Below those that systems hand out for connections (32768 and up): between the look and the use nobody is given them. */
const PORTS = { restateNode: 21_000, restateIngress: 21_100, restateAdmin: 21_200, restateService: 21_300 };

/** Everything contenders run on, started for one race. */
export interface OpenBed {
  pids: Record<Server, number>;
  provider: ChildProcess;
  /** What one contender is given: a database and a port of its own, beside what all share. */
  place(name: string): Promise<Bed>;
  stop(): Promise<void>;
}

export async function openBed(): Promise<OpenBed> {
  const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-peers-'));
  await using opened = new AsyncDisposableStack();
  opened.defer(() => rm(home, { recursive: true, force: true }));

  const provider = fork(path.join(ROOT, 'bench/first-token/provider.ts'));
  opened.defer(() => provider.disconnect());
  const [{ url }] = (await once(provider, 'message')) as [{ url: string }];
  const postgres = opened.adopt(
    await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log: () => {} }),
    (server) => server.stop(),
  );
  const cli = findTemporalCli(path.join(ROOT, '.cadenza')) ?? 'temporal';
  const dbFile = path.join(home, 'temporal', 'temporal.db');
  const temporal = opened.adopt(
    await startTemporal({ cli, dbFile, port: 0, uiPort: 0, namespace: 'default', log: () => {} }),
    (server) => server.stop(),
  );
  const plain = opened.adopt(await startTemporalAsItComes(cli, home), ({ server }) => server.stop());
  const restate = opened.adopt(await startRestate(home), ({ server }) => server.stop());

  const opener = opened.move();
  return {
    provider,
    pids: {
      postgres: postgres.pid,
      temporal: temporal.pid,
      temporalAsItComes: plain.server.pid,
      restate: restate.server.pid,
    },
    async place(name) {
      return {
        provider: url,
        databaseUrl: await createDatabase(postgres.url, name.toLowerCase().replaceAll(/\W+/g, '_')),
        temporal: temporal.address,
        temporalAsItComes: plain.address,
        restate: restate.urls,
        port: await freePort(PORTS.restateService),
        root: ROOT,
      };
    },
    stop: () => opener.disposeAsync(),
  };
}

async function createDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  const own = new URL(url);
  own.pathname = name;
  return own.href;
}

/** Temporal's development server with a file, and not one setting. */
async function startTemporalAsItComes(cli: string, home: string) {
  const folder = path.join(home, 'temporal-as-it-comes');
  await mkdir(folder);
  const [port, uiPort] = [await freePort(0), await freePort(0)];
  const server = await startProcess({
    command: cli,
    args: [
      ...['server', 'start-dev', '--ip', HOST, '--port', String(port), '--ui-port', String(uiPort)],
      ...['--db-filename', path.join(folder, 'temporal.db'), '--log-level', 'warn'],
    ],
    logFile: path.join(folder, 'temporal.log'),
    stopSignal: 'SIGTERM',
  });
  await untilItAnswers(server, port);
  return { server, address: `${HOST}:${port}` };
}

/** Restate's server as it comes, from its package for this machine, on ports of its own. */
async function startRestate(home: string) {
  const folder = path.join(home, 'restate');
  await mkdir(folder);
  const require = createRequire(import.meta.url);
  const node = await freePort(PORTS.restateNode);
  const [ingress, admin] = [await freePort(PORTS.restateIngress), await freePort(PORTS.restateAdmin)];
  const server = await startProcess({
    command: require.resolve(`@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`),
    args: ['--base-dir', folder, '--bind-ip', HOST, '--bind-port', String(node), '--listen-mode', 'tcp'],
    logFile: path.join(folder, 'restate.log'),
    stopSignal: 'SIGTERM',
    env: {
      ...process.env,
      RESTATE_INGRESS__BIND_PORT: String(ingress),
      RESTATE_ADMIN__BIND_PORT: String(admin),
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_LOG_FILTER: 'error',
    },
  });
  await untilItAnswers(server, ingress);
  await untilItAnswers(server, admin);
  return { server, urls: { ingress: `http://${HOST}:${ingress}`, admin: `http://${HOST}:${admin}` } };
}

async function untilItAnswers(server: ServerProcess, port: number): Promise<void> {
  const deadline = Date.now() + START_PATIENCE_MS;
  while (!(await answers(port))) {
    if (server.hasExited() || Date.now() > deadline) throw new Error(`A server did not start:\n${server.lastWords()}`);
    await delay(50);
  }
}
