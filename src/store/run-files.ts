import { type Kysely, sql } from 'kysely';
import type { Blobs } from './blobs.ts';
import type { Database } from './database.ts';

/** A file of a run: what its tools read and write, and results too long for a model's context. */
export interface StoredFile {
  name: string;
  /** bytes */
  size: number;
  mediaType: string;
}

export interface RunFileStore {
  list(chain: string): Promise<StoredFile[]>;
  read(chain: string, name: string): Promise<Uint8Array | undefined>;
  /** Written again, it is replaced. @param run workflow id: as long as it is kept, the file is */
  write(chain: string, run: string, file: Omit<StoredFile, 'size'> & { bytes: Uint8Array }): Promise<StoredFile>;
}

export function createRunFiles(db: Kysely<Database>, blobs: Blobs): RunFileStore {
  return {
    list: async (chain) => {
      const rows = await db
        .selectFrom('run_files')
        .select(['name', 'size', 'media_type'])
        .where('chain', '=', chain)
        .orderBy('name')
        .execute();
      return rows.map(({ name, size, media_type }) => ({ name, size, mediaType: media_type }));
    },
    async read(chain, name) {
      const row = await db
        .selectFrom('run_files')
        .select('hash')
        .where('chain', '=', chain)
        .where('name', '=', name)
        .executeTakeFirst();
      if (!row) return undefined;
      const [bytes] = await blobs.get([row.hash]);
      return bytes;
    },
    async write(chain, run, { name, mediaType, bytes }) {
      const [hash] = await blobs.put([bytes], run);
      await sql`
        insert into run_files (chain, name, hash, size, media_type)
        values (${chain}, ${name}, ${hash}, ${bytes.length}, ${mediaType})
        on conflict (chain, name) do update
        set hash = excluded.hash, size = excluded.size, media_type = excluded.media_type, at = now()`.execute(db);
      return { name, size: bytes.length, mediaType };
    },
  };
}
