import { Kysely, PostgresDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Log } from '../contract/index.ts';
import { openPool } from './database.ts';
import { MIGRATIONS } from './migrations/index.ts';

/** Any number that other programs on the same database do not use. */
const ADVISORY_LOCK = 4_100_727_301;

/** Brings the database to the newest shape. Processes that start at once wait for the first of them. */
export async function migrate(url: string, log: Log): Promise<void> {
  const pool = openPool(url, 2, log);
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  try {
    const lock = await pool.connect();
    try {
      // held by the session: it ends with the connection, also when this process is killed
      await lock.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
      const { error } = await new Migrator({
        db,
        provider: { getMigrations: async () => MIGRATIONS },
      }).migrateToLatest();
      if (error) throw error;
    } finally {
      lock.release(true);
    }
  } finally {
    await db.destroy();
  }
}
