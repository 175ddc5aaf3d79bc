import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { parse, stringify } from 'yaml';
import { freePort } from '../../src/local/ports.ts';
import { type ServerProcess, startProcess } from '../../src/local/server-process.ts';

const HOST = '127.0.0.1';
const DYNAMIC_CONFIG = path.resolve(import.meta.dirname, '../../docker/temporal-dynamic-config.yaml');
const VISIBILITY = 'temporal_visibility';
/** Its table of members keeps ports in 15 bits. */
const PORTS_FROM = 17_233;
const MEMBERS_FROM = 16_933;

export interface TemporalServer {
  address: string;
  start(): Promise<ServerProcess>;
}

export interface TemporalServerOptions {
  /** holds `server` and `sql`, as `go install go.temporal.io/server/cmd/server` and `.../cmd/tools/sql` leave them */
  programs: string;
  /** of its PostgreSQL, by an owner who may create databases */
  databaseUrl: string;
  /** of its config and its log */
  dir: string;
  /** fixed for ever when the database is made */
  shards: number;
  namespace: string;
  /** lets it take runs of the direct lane, which 1.31 does not by itself */
  standaloneActivities: boolean;
}

/**
 * Temporal's server as one runs it in production, on PostgreSQL, with the settings of docs/production.md: all four services in
 * one process, on ports of their own that stay the same when it is started again.
 */
export async function temporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const { programs, databaseUrl, dir, shards, namespace, standaloneActivities } = options;
  mkdirSync(dir, { recursive: true });
  await makeTables(path.join(programs, 'sql'), databaseUrl, schemaOf(programs));
  const config = path.join(dir, 'temporal.yaml');
  const frontend = await freePort(PORTS_FROM);
  const dynamicConfig = path.join(dir, 'dynamic.yaml');
  const settings = parse(readFileSync(DYNAMIC_CONFIG, 'utf8')) as object;
  const own = standaloneActivities ? { 'activity.enableStandalone': [{ value: true }] } : {};
  writeFileSync(dynamicConfig, stringify({ ...settings, ...own }));
  writeFileSync(config, stringify(await configuration({ databaseUrl, shards, frontend, dynamicConfig })), {
    mode: 0o600,
  });
  const address = `${HOST}:${frontend}`;
  let hasNamespace = false;
  return {
    address,
    async start() {
      const server = await startProcess({
        command: path.join(programs, 'server'),
        args: ['--config-file', config, '--allow-no-auth', 'start'],
        logFile: path.join(dir, 'temporal.log'),
        stopSignal: 'SIGTERM',
      });
      while (!(await isServing(address, hasNamespace ? undefined : namespace))) {
        if (server.hasExited()) throw new Error(`Temporal's server did not start. It said:\n${server.lastWords()}`);
        await delay(100);
      }
      hasNamespace = true;
      return server;
    },
  };
}

/** Go's module cache has the tables beside the sources the programs were made of. */
function schemaOf(programs: string): string {
  const version = execFileSync(path.join(programs, 'server'), ['--version'], { encoding: 'utf8' });
  const number = /\d+\.\d+\.\d+/.exec(version)?.[0];
  const modules = execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' }).trim();
  return path.join(modules, `go.temporal.io/server@v${number}`, 'schema/postgresql/v12');
}

/** What docker-compose.yml lets `temporal-schema` do. */
async function makeTables(tool: string, databaseUrl: string, schema: string): Promise<void> {
  const { hostname, port, username, password } = new URL(databaseUrl);
  const run = (database: string, ...args: string[]) =>
    promisify(execFile)(
      tool,
      [
        '--plugin',
        'postgres12',
        '--endpoint',
        hostname,
        '--port',
        port,
        '--user',
        username,
        '--database',
        database,
        ...args,
      ],
      { env: { ...process.env, SQL_PASSWORD: password } },
    );
  for (const [database, folder] of [
    ['temporal', 'temporal'],
    [VISIBILITY, 'visibility'],
  ] as const) {
    await run(database, 'create');
    await run(database, 'setup-schema', '-v', '0.0');
    await run(database, 'update-schema', '-d', path.join(schema, folder, 'versioned'));
  }
}

/** As the server's own config/development-postgres12.yaml, with free ports. */
async function configuration(given: {
  databaseUrl: string;
  shards: number;
  frontend: number;
  dynamicConfig: string;
}): Promise<object> {
  const { hostname, port, username: user, password } = new URL(given.databaseUrl);
  const database = (databaseName: string, maxConns: number) => ({
    sql: {
      ...{ pluginName: 'postgres12', databaseName, connectAddr: `${hostname}:${port}`, connectProtocol: 'tcp' },
      ...{ user, password, maxConns, maxIdleConns: maxConns, maxConnLifetime: '1h' },
    },
  });
  let [grpcFrom, membersFrom] = [given.frontend, MEMBERS_FROM];
  const service = async () => {
    const [grpcPort, membershipPort] = [await freePort(grpcFrom), await freePort(membersFrom)];
    [grpcFrom, membersFrom] = [grpcPort + 1, membershipPort + 1];
    return { rpc: { grpcPort, membershipPort, bindOnLocalHost: true } };
  };
  return {
    log: { stdout: true, level: 'warn' },
    persistence: {
      defaultStore: 'default',
      visibilityStore: 'visibility',
      numHistoryShards: given.shards,
      datastores: { default: database('temporal', 20), visibility: database(VISIBILITY, 10) },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: HOST } },
    services: {
      frontend: await service(),
      matching: await service(),
      history: await service(),
      worker: await service(),
    },
    clusterMetadata: {
      ...{ enableGlobalNamespace: false, failoverVersionIncrement: 10 },
      ...{ masterClusterName: 'active', currentClusterName: 'active' },
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: `${HOST}:${given.frontend}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    publicClient: { hostPort: `${HOST}:${given.frontend}` },
    dynamicConfigClient: { filepath: given.dynamicConfig, pollInterval: '60s' },
  };
}

/** Whether it answers for its namespaces. @param missing one that is to be made */
async function isServing(address: string, missing?: string): Promise<boolean> {
  const connection = Connection.lazy({ address, connectTimeout: '2 seconds' });
  const { workflowService } = connection;
  try {
    if (missing !== undefined) {
      const retention = { workflowExecutionRetentionPeriod: { seconds: 30 * 86_400 } };
      await workflowService.registerNamespace({ namespace: missing, ...retention } as never);
    }
    await workflowService.listNamespaces({});
    return true;
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}
