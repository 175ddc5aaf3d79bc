import { randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { type Cipher, UnreadableError } from './cipher.ts';
import type { Database } from './database.ts';
import { createSealing, parseSealed, type Sealing, sealedJson, UNSEALED } from './sealing.ts';

/**
 * What this database is sealed with. The key of its hashes is made once, and lies in it, sealed: it stays the same while
 * the keys that seal change, so that journals and caches are found again. Whoever has not the key it is sealed with now is
 * turned away before anything is read or written. @throws UnreadableError
 */
export async function openSealing(db: Kysely<Database>, cipher: Cipher | undefined): Promise<Sealing> {
  const found = await row(db);
  if (!cipher) {
    if (!found) return UNSEALED;
    throw new UnreadableError(
      `The texts of this database are sealed, with the key "${keyIdOf(found.hash_key)}", and this process has none. ` +
        'Set CADENZA_ENCRYPTION_KEYS as it was.',
    );
  }
  const { hash_key: sealed, since } = found ?? (await made(db, cipher));
  const hashKey = Buffer.from(openedKey(cipher, sealed), 'base64');
  if (keyIdOf(sealed) !== cipher.current) await reseal(db, cipher, sealed, hashKey);
  return createSealing(cipher, hashKey, since);
}

function row(db: Kysely<Database>) {
  return db.selectFrom('sealing').select(['hash_key', 'since']).executeTakeFirst();
}

/** Of processes that start at once the first makes it. */
async function made(db: Kysely<Database>, cipher: Cipher) {
  const hash_key = sealedJson(cipher, randomBytes(32).toString('base64'));
  await sql`insert into sealing (hash_key) values (${hash_key}) on conflict do nothing`.execute(db);
  return (await row(db))!;
}

function openedKey(cipher: Cipher, sealed: string): string {
  try {
    return parseSealed(cipher)(JSON.stringify(sealed)) as string;
  } catch (cause) {
    if (!(cause instanceof UnreadableError)) throw cause;
    throw new UnreadableError(`This database cannot be read with the keys of this process. ${cause.message}`);
  }
}

/** Under the current key: the one before may go once nothing else is sealed with it. */
async function reseal(db: Kysely<Database>, cipher: Cipher, old: string, hashKey: Buffer): Promise<void> {
  const hash_key = sealedJson(cipher, hashKey.toString('base64'));
  await db.updateTable('sealing').set({ hash_key }).where('hash_key', '=', old).execute();
}

function keyIdOf(sealed: string): string {
  return sealed.split(':')[1] ?? '';
}
