import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import pg from 'pg';
import { type ConfigInput, parseConfig } from '../../src/config/index.ts';
import { findTemporalCli, startTemporal } from '../../src/local/index.ts';
import { type RunningWorker, startWorker } from '../../src/workers/index.ts';
import { removeHome, temporaryHome } from '../local/temporary-home.ts';
import type { MockProvider } from '../setup/mock-provider.ts';
import { testLog } from '../setup/test-log.ts';
import { freshDatabase } from '../store/fresh-store.ts';

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'temporalio=error', forward: {} } },
});

/** A Temporal with a file of its own and an empty database, at which workers come and go with different keys. */
export async function sealedBed(provider: MockProvider, config: ConfigInput) {
  const home = temporaryHome();
  const dbFile = path.join(home, 'temporal.db');
  const [database, temporal] = await Promise.all([
    freshDatabase(),
    startTemporal({
      cli: findTemporalCli(process.env.CADENZA_TEST_HOME!)!,
      dbFile,
      port: 0,
      uiPort: 0,
      namespace: 'default',
      log: () => {},
    }),
  ]);
  const taskQueue = `sealed-${randomUUID()}`;
  const connection = await Connection.connect({ address: temporal.address });

  /** @param keys as CADENZA_ENCRYPTION_KEYS has them */
  function worker(keys: string | undefined): Promise<RunningWorker> {
    const env = {
      ...process.env,
      ...provider.env,
      CADENZA_SANDBOX_SPEED: 'instant',
      ...(keys && { CADENZA_ENCRYPTION_KEYS: keys }),
    };
    const { log } = testLog();
    const at = { temporalAddress: temporal.address, namespace: 'default', databaseUrl: database.url, taskQueue };
    return startWorker({ ...at, config: parseConfig(config), env, log });
  }

  return {
    worker,
    databaseUrl: database.url,
    temporalAddress: temporal.address,
    taskQueue,
    /** knows nothing of Cadenza and its keys */
    plainly: new Client({ connection }),
    /** All that lies in both databases, as one would find it on their disks. */
    async everything(): Promise<{ where: string; bytes: Buffer }[]> {
      const files = [dbFile, `${dbFile}-wal`].map((file) => ({ where: file, bytes: readFileSync(file) }));
      return [...files, ...(await tablesOf(database.url))];
    },
    async close() {
      await connection.close();
      await temporal.stop();
      await database.drop();
      removeHome(home);
      await Runtime.instance().shutdown();
    },
  };
}

async function tablesOf(url: string): Promise<{ where: string; bytes: Buffer }[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, relname) as name from pg_stat_user_tables`,
    );
    const dumps = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from ${name} t`);
      const text = rows.map(({ row }) => row).join('\n');
      // bytea stands there in hex
      const hex = [...text.matchAll(/\\x([0-9a-f]+)/g)].map(([, digits]) => Buffer.from(digits!, 'hex'));
      dumps.push({ where: name, bytes: Buffer.concat([Buffer.from(text), ...hex]) });
    }
    return dumps;
  } finally {
    await client.end();
  }
}

export function newKey(id: string): string {
  return `${id}:${randomBytes(32).toString('base64')}`;
}

/** A text as it is, and within base64 and hex, wherever in them it begins. */
export function forms(marker: string): Buffer[] {
  const within = [0, 1, 2].map((before) => {
    const base64 = Buffer.from(`${' '.repeat(before)}${marker}`).toString('base64');
    return base64.slice(before === 0 ? 0 : 4, -4);
  });
  return [marker, Buffer.from(marker).toString('hex'), ...within].map((form) => Buffer.from(form));
}
