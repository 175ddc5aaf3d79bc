import { openStore, type Store } from '../../src/store/index.ts';
import { type FreshDatabase, freshDatabase as makeDatabase } from '../../src/testing/database.ts';

export { query } from '../../src/testing/database.ts';

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

/** A database with nothing in it, or with what the template has, on the same server. */
export function freshDatabase(template?: string): Promise<FreshDatabase> {
  const admin = process.env.CADENZA_TEST_POSTGRES_URL;
  if (!admin) throw new Error('CADENZA_TEST_POSTGRES_URL is not set: give the URL of a PostgreSQL server for tests.');
  return makeDatabase(admin, template);
}
