import { createHash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Database } from './database.ts';
import type { Sealing } from './sealing.ts';

/** Large payloads kept out of Temporal's history. The name of a blob is the sha256 of its bytes, in hex; where texts are
 *  sealed, it is keyed. */
export interface Blobs {
  /**
   * Keeps them, equal ones once.
   * @param run workflow id whose history will refer to them: they are kept as long as it may be needed; else for ever
   * @returns their hashes, in order
   */
  put(blobs: Uint8Array[], run?: string): Promise<string[]>;
  /** In order. @throws Error naming a hash that is not there, or whose bytes have another */
  get(hashes: string[]): Promise<Uint8Array[]>;
}

export function createBlobs(db: Kysely<Database>, sealing: Sealing): Blobs {
  const plainHashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  const hashOf = (bytes: Uint8Array) => sealing.keyed(plainHashOf(bytes));

  function opened(hash: string, kept: Buffer): Buffer {
    const bytes = sealing.openBytes(kept);
    // What an envelope holds it vouches for; and what was kept before there were any has its plain hash.
    if (bytes !== kept || plainHashOf(bytes) === hash) return bytes;
    throw new Error(`The blob ${hash} is damaged: its bytes have another hash.`);
  }

  return {
    async put(blobs, run) {
      const hashes = blobs.map(hashOf);
      // in the order of their hashes, so that two who put the same blobs wait for each other in one direction
      const unique = [
        ...new Map(blobs.map((bytes, index) => [hashes[index]!, Buffer.from(sealing.bytes(bytes))])),
      ].sort(([a], [b]) => (a < b ? -1 : 1));
      if (unique.length === 0) return [];
      const names = unique.map(([hash]) => hash);
      // touched, so that what is being forgotten just now is not
      await sql`
        with kept as (
          insert into blobs as b (hash, bytes)
          select * from unnest(${names}::text[], ${unique.map(([, bytes]) => bytes)}::bytea[])
          on conflict (hash) do update set used_at = now() where b.used_at < now() - interval '1 hour'
        )
        insert into run_refs (run, hash) select ${run ?? null}::text, hash from unnest(${names}::text[]) as hash
        where ${run ?? null}::text is not null
        on conflict do nothing`.execute(db);
      return hashes;
    },
    async get(hashes) {
      if (hashes.length === 0) return [];
      const rows = await db.selectFrom('blobs').select(['hash', 'bytes']).where('hash', 'in', hashes).execute();
      const byHash = new Map(rows.map(({ hash, bytes }) => [hash, bytes]));
      return hashes.map((hash) => {
        const bytes = byHash.get(hash);
        if (!bytes)
          throw new Error(`No blob ${hash} in the store: was the database restored from before it was written?`);
        return opened(hash, bytes);
      });
    },
  };
}
