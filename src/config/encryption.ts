import { z } from 'zod';
import type { EncryptionKey, EncryptionKeys } from '../contract/index.ts';

/** Bytes of a key of AES-256. */
const KEY_BYTES = 32;

const KeyId = z.string().regex(/^[\w-]{1,32}$/, 'The id of a key is letters, digits, _ and -');

const GivenKey = z.strictObject({ id: KeyId, key: z.instanceof(Uint8Array) });

const isFunction = (value: unknown) => typeof value === 'function';

/** Where keys come from beside the environment: a KMS, above all. */
export const EncryptionConfig = z.strictObject({
  /** asked once by every process that starts: all keys, as the KMS gives them */
  keys: z
    .custom<() => Promise<EncryptionKey[]>>(isFunction, 'It is a function that gives a promise of keys')
    .optional(),
  /** makes a key of each of CADENZA_ENCRYPTION_KEYS, which then holds them wrapped: the data keys of a KMS */
  unwrap: z
    .custom<(wrapped: Uint8Array, id: string) => Promise<Uint8Array>>(
      isFunction,
      'It is a function that gives a promise of a key',
    )
    .optional(),
  /** id of the key that seals; left out, that of CADENZA_ENCRYPTION_KEY_ID, else the first */
  current: KeyId.optional(),
});

/**
 * The keys of this installation, of the config or `CADENZA_ENCRYPTION_KEYS` ("id:base64,id2:base64"); undefined where nothing
 * is to be encrypted. @throws Error that says which key is wrong, and never what it is
 */
export async function encryptionKeys(
  env: NodeJS.ProcessEnv,
  { encryption }: { encryption: z.infer<typeof EncryptionConfig> },
): Promise<EncryptionKeys | undefined> {
  const listed = env.CADENZA_ENCRYPTION_KEYS || undefined;
  const { unwrap = async (bytes: Uint8Array) => bytes } = encryption;
  const given = await Promise.all(listedKeys(listed).map(async ({ id, key }) => ({ id, key: await unwrap(key, id) })));
  const keys = [...((await encryption.keys?.()) ?? []), ...given].map((key, index) => checkedKey(key, index));
  const current = encryption.current ?? (env.CADENZA_ENCRYPTION_KEY_ID || undefined) ?? keys[0]?.id;
  const ids = keys.map(({ id }) => id);
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw unusable(`There are two keys "${twice}"`, 'Give every key an id of its own');
  if (current === undefined) {
    if (encryption.keys === undefined) return undefined;
    throw unusable('encryption.keys of the config gave no key', 'Let it give the key that seals, and those before it');
  }
  if (!ids.includes(current)) {
    const known = ids.length === 0 ? 'there are none' : `there are ${ids.join(', ')}`;
    throw unusable(`No key "${current}" is given to seal with: ${known}`, 'Add it to CADENZA_ENCRYPTION_KEYS');
  }
  return { current, keys };
}

function listedKeys(listed = ''): EncryptionKey[] {
  return listed
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)
    .map((entry, index) => {
      const [, id, base64] = /^([^:]*):(.*)$/s.exec(entry) ?? [];
      const checked = KeyId.safeParse(id);
      if (!checked.success) {
        throw unusable(`Key ${index + 1} has no id that is letters, digits, _ and -`, 'Write each as id:base64');
      }
      const standard = base64!.replaceAll('-', '+').replaceAll('_', '/');
      if (!/^[A-Za-z0-9+/]+={0,2}$/.test(standard)) throw unusable(`The key "${id}" is not base64`, MAKE_ONE);
      return { id: checked.data, key: Buffer.from(standard, 'base64') };
    });
}

function checkedKey(given: unknown, index: number): EncryptionKey {
  const parsed = GivenKey.safeParse(given);
  if (!parsed.success) {
    throw unusable(
      `Key ${index + 1} is not usable: ${parsed.error.issues[0]!.message}`,
      'A key is {id, key: Uint8Array}',
    );
  }
  const { id, key } = parsed.data;
  if (key.byteLength !== KEY_BYTES) {
    throw unusable(`The key "${id}" has ${key.byteLength} bytes, and AES-256 takes ${KEY_BYTES}`, MAKE_ONE);
  }
  return parsed.data;
}

const MAKE_ONE = 'Make one with: openssl rand -base64 32';

function unusable(problem: string, hint: string): Error {
  return new Error(
    `The encryption keys are not usable (CADENZA_ENCRYPTION_KEYS, encryption of the config): ${problem}. ${hint}`,
  );
}
