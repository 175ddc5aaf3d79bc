import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { openStore, type Store } from '../../src/store/index.ts';

export interface FreshStore {
  store: Store;
  /** of the database, for a second store on it */
  url: string;
  /** closes the store and removes the database */
  drop(): Promise<void>;
}

/** A store in a database of its own, on the server at `CADENZA_TEST_POSTGRES_URL`. */
export async function freshStore(): Promise<FreshStore> {
  const { url, drop } = await freshDatabase(process.env.CADENZA_TEST_TEMPLATE);
  const store = await openStore({ url });
  return {
    store,
    url,
    async drop() {
      await store.close();
      await drop();
    },
  };
}

/** A database with nothing in it, or with what the template has. */
export async function freshDatabase(template = 'template1'): Promise<{ url: string; drop(): Promise<void> }> {
  const admin = process.env.CADENZA_TEST_POSTGRES_URL;
  if (!admin) throw new Error('CADENZA_TEST_POSTGRES_URL is not set: give the URL of a PostgreSQL server for tests.');
  const name = `cadenza_test_${randomBytes(8).toString('hex')}`;
  await query(admin, `create database ${name} template ${template}`);
  const url = new URL(admin);
  url.pathname = `/${name}`;
  return { url: url.href, drop: async () => void (await query(admin, `drop database ${name} with (force)`)) };
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
