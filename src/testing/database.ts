import { randomBytes } from 'node:crypto';
import pg from 'pg';

export interface FreshDatabase {
  url: string;
  drop(): Promise<void>;
}

/** Makes a database that has what the template has: nothing, unless one is named.
 *  @param server URL of a PostgreSQL whose user may create databases */
export async function freshDatabase(server: string, template = 'template1'): Promise<FreshDatabase> {
  const name = `cadenza_test_${randomBytes(8).toString('hex')}`;
  await query(server, `create database ${name} template ${template}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async drop() {
      await pools.get(url.href)?.end();
      pools.delete(url.href);
      await query(server, `drop database ${name} with (force)`);
    },
  };
}

/** Connections that statements of tests have had lately: making one takes as long as many statements. */
const pools = new Map<string, pg.Pool>();
const KEPT_MS = 2_000;

/** One statement, in a transaction of its own. */
export async function query<Row extends object>(url: string, statement: string): Promise<Row[]> {
  let pool = pools.get(url);
  if (!pool) {
    pool = new pg.Pool({ connectionString: url, idleTimeoutMillis: KEPT_MS, allowExitOnIdle: true });
    // One that is ended by the server, as databases are dropped, is replaced.
    pool.on('error', () => {});
    pools.set(url, pool);
  }
  return (await pool.query<Row>(statement)).rows;
}
