import { readdirSync, readFileSync } from 'node:fs';
import { Kysely, PostgresDialect, type QueryExecutorProvider, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import type { Log } from '../contract/index.ts';
import { kyselyPool, openConnections } from './connections.ts';
import { FUNCTIONS, installFunctions } from './functions.ts';
import { asStoreError } from './outage.ts';

/** Any number that other programs on the same database do not use. */
export const ADVISORY_LOCK = 4_100_727_301;

/** ms a change of a large table may take, or another process that makes it */
const CHANGE_WITHIN_MS = 3_600_000;

const FOLDER = new URL('migrations/', import.meta.url);

/**
 * Changes of the tables, by name. A released one never changes: add another. Workers of the version before go on while a
 * new one is deployed, with the functions they brought along: so a change adds (a column with a default, a table), and
 * what is no longer used is dropped a version later.
 */
export const MIGRATIONS: Record<string, Migration> = Object.fromEntries(
  readdirSync(FOLDER)
    .sort()
    .map((file) => {
      const statements = readFileSync(new URL(file, FOLDER), 'utf8');
      return [
        file.replace('.sql', ''),
        { up: async (db: Kysely<unknown>) => void (await sql.raw(statements).execute(db)) },
      ];
    }),
);

/** Whether a database has all of it already: most have, and whoever opens them asks this alone. One that has nothing yet,
 *  or does not answer now, is not known to. */
export async function isNewest(db: QueryExecutorProvider): Promise<boolean> {
  const made = sql<{ names: string[] | null; functions: boolean }>`
    select (select array_agg(name) from kysely_migration) as names, to_regnamespace(${FUNCTIONS.schema}) is not null as functions`;
  const { rows } = await made.execute(db).catch(() => ({ rows: [] }));
  const [found] = rows;
  return found?.functions === true && Object.keys(MIGRATIONS).every((name) => found.names?.includes(name));
}

/**
 * Brings the database to the newest shape, with the functions of this version beside those of others. Processes that
 * start at once wait for the first of them; one that is older than the tables leaves them as they are.
 */
export async function migrate(url: string, log: Log, migrations = MIGRATIONS, functions = FUNCTIONS): Promise<void> {
  const connections = openConnections(url, 2, log, CHANGE_WITHIN_MS);
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: kyselyPool(connections) }) });
  try {
    const lock = await connections.pool.connect().catch((error) => {
      throw asStoreError(error);
    });
    try {
      // held by the session: it ends with the connection, also when this process is killed
      await lock.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
      const provider = { getMigrations: async () => migrations };
      const migrator = new Migrator({ db, provider });
      const made = await migrator.getMigrations();
      if (made.some(({ executedAt }) => executedAt === undefined)) {
        const { error } = await migrator.migrateToLatest();
        if (error) throw error;
      }
      await installFunctions(lock, functions);
    } finally {
      lock.release(true);
    }
  } finally {
    await db.destroy();
  }
}
