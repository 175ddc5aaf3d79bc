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
  return { url: url.href, drop: async () => void (await query(server, `drop database ${name} with (force)`)) };
}

/** One statement over a connection of its own. */
export async function query<Row extends object>(url: string, statement: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}
