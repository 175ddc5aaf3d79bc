import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findTemporalCli, startPostgres, startTemporal } from '../../src/local/index.ts';
import { freePort } from '../../src/local/ports.ts';
import { type Front, openFront } from './front.ts';
import { type Member, member, runCommand } from './member.ts';
import { temporalServer } from './temporal-server.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const NAMESPACE = 'storm';
/** Of the operator, who starts runs for every tenant. */
const API_KEY = 'storm-operator-key';
const ATTEMPTS = 20;

export interface ShapeOptions {
  workers: number;
  gateways: number;
  /** Temporal's server and its tool for tables; left out, the development server on SQLite */
  programs?: string;
  shards: number;
  /** Temporal's server takes runs of the direct lane; else they become workflows */
  standaloneActivities?: boolean;
  /** what workers and gateways find in their environment, beside the addresses */
  env: Record<string, string>;
  /** where their cadenza.config.ts lies */
  folder: string;
  /** the build its workers are of */
  build?: string;
  /** where what they log is kept; left out, it goes with everything else */
  logs?: string;
}

/** What runs in production, as docker-compose.yml has it, without containers. */
export interface Shape {
  url: string;
  apiKey: string;
  front: Front;
  /** in the order they were started in */
  members: Member[];
  databaseUrl: string;
  /** of Temporal's tables; undefined on SQLite */
  temporalDatabaseUrl?: string;
  temporalAddress: string;
  namespace: string;
  home: string;
  /** A worker more, of this or another checkout; it is killed with the others from then on. */
  addWorker(checkout?: string, env?: Record<string, string>): Promise<Member>;
  /** A command of an operator, given until it succeeds. */
  command(...args: string[]): Promise<void>;
  stop(): Promise<void>;
}

/** What has to be there before the first start: search attributes and tables. A namespace that was just made is not known at
 *  once. @throws Error with what is broken still */
async function makeReady(cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const doctor = [path.join(ROOT, 'bin/cadenza.mjs'), 'doctor', '--fix', '--json'];
  for (let attempt = 1; ; attempt += 1) {
    const { stdout } = await promisify(execFile)(process.execPath, doctor, { cwd, env }).catch(
      (failed: { stdout: string }) => failed,
    );
    const broken = stdout.split('\n').filter((line) => /"check":"(temporal|postgresql)".*"state":"broken"/.test(line));
    if (broken.length === 0) return;
    if (attempt === ATTEMPTS) throw new Error(`Temporal and PostgreSQL are not ready: ${broken.join(' ')}`);
    await delay(1_000);
  }
}

export async function startShape(options: ShapeOptions): Promise<Shape> {
  const home = mkdtempSync(path.join(os.tmpdir(), 'cadenza-storm-'));
  // Root's PostgreSQL runs as another user, who must get in.
  chmodSync(home, 0o755);
  const members: Member[] = [];
  try {
    const databaseUrl = await addPostgres('postgres');
    const temporal = options.programs ? await addTemporal(options.programs) : await addDevelopmentServer();
    const env = {
      ...process.env,
      ...options.env,
      ...{ CADENZA_DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: NAMESPACE },
      ...{ CADENZA_HOME: path.join(home, 'home'), CADENZA_API_KEYS: API_KEY, NODE_OPTIONS: '' },
    };
    await makeReady(options.folder, env);
    const builtAs: Record<string, string> = options.build === undefined ? {} : { CADENZA_BUILD: options.build };
    const addWorker = async (checkout = ROOT, own: Record<string, string> = {}) => {
      const name = `worker ${members.filter(({ kind }) => kind === 'worker').length + 1}`;
      const command = { checkout, cwd: options.folder, env: { ...env, ...own }, logFile: logOf(name) };
      return add(member(name, 'worker', () => runCommand(['worker'], command)));
    };
    for (let nth = 0; nth < options.workers; nth += 1) await addWorker(ROOT, builtAs);
    const command = async (...args: string[]) => {
      const given = [path.join(ROOT, 'bin/cadenza.mjs'), ...args];
      for (let attempt = 1; ; attempt += 1) {
        try {
          return void (await promisify(execFile)(process.execPath, given, { cwd: options.folder, env }));
        } catch (failed) {
          if (attempt === ATTEMPTS) throw failed;
          await delay(1_000);
        }
      }
    };
    const ports: number[] = [];
    for (let nth = 1; nth <= options.gateways; nth += 1) {
      const port = await freePort(0);
      const name = `gateway ${nth}`;
      const command = { checkout: ROOT, cwd: options.folder, env, logFile: logOf(name) };
      await add(member(name, 'gateway', () => runCommand(['gateway', '--port', String(port)], command)));
      ports.push(port);
    }
    const front = await openFront(() => ports.map((port) => `http://127.0.0.1:${port}`));
    return {
      ...{
        url: front.url,
        apiKey: API_KEY,
        front,
        members,
        databaseUrl,
        home,
        addWorker,
        command,
        namespace: NAMESPACE,
      },
      ...{ temporalDatabaseUrl: temporal.databaseUrl, temporalAddress: temporal.address },
      async stop() {
        await front.close();
        await stopAll();
      },
    };
  } catch (error) {
    await stopAll();
    throw error;
  }

  async function add(one: Member): Promise<Member> {
    await one.start();
    members.push(one);
    return one;
  }

  async function stopAll(): Promise<void> {
    for (const one of members.splice(0).reverse()) await one.stop();
    rmSync(home, { recursive: true, force: true });
  }

  function logOf(name: string): string {
    return path.join(options.logs ?? path.join(home, 'logs'), `${name.replace(' ', '-')}.log`);
  }

  /** Again on the same port and the same data, however often it is killed. */
  async function addPostgres(name: string): Promise<string> {
    const dir = path.join(home, name);
    mkdirSync(dir);
    const port = await freePort(0);
    let url = '';
    await add(
      member(name, 'postgres', async () => {
        const postgres = await startPostgres({ dir, port, exactPort: true, log: () => {} });
        url = postgres.url;
        return postgres;
      }),
    );
    return url;
  }

  async function addTemporal(programs: string): Promise<{ address: string; databaseUrl?: string }> {
    const databaseUrl = await addPostgres('temporal-postgres');
    const dir = path.join(home, 'temporal');
    const { shards, standaloneActivities = false } = options;
    const given = { programs, databaseUrl, dir, shards, standaloneActivities, namespace: NAMESPACE };
    const server = await temporalServer(given);
    await add(member('temporal', 'temporal', server.start));
    const url = new URL(databaseUrl);
    url.pathname = '/temporal';
    return { address: server.address, databaseUrl: url.href };
  }

  async function addDevelopmentServer(): Promise<{ address: string; databaseUrl?: string }> {
    const cli = findTemporalCli(path.join(ROOT, '.cadenza')) ?? 'temporal';
    const [port, uiPort] = [await freePort(0), await freePort(0)];
    const dbFile = path.join(home, 'temporal', 'temporal.db');
    const given = { cli, dbFile, port, uiPort, exactPorts: true, namespace: NAMESPACE, log: () => {} };
    await add(member('temporal', 'temporal', () => startTemporal(given)));
    return { address: `127.0.0.1:${port}` };
  }
}
