import { createCipheriv, createDecipheriv, createSecretKey, randomFillSync } from 'node:crypto';
import type { EncryptionKeys } from '../contract/index.ts';

/** Seals bytes with the current key, and opens what any of the keys has sealed. */
export interface Cipher {
  /** id of the key that seals */
  current: string;
  /** AES-256-GCM: a nonce of 12 random bytes, what is sealed, and a tag of 16 (NIST SP 800-38D) */
  seal(bytes: Uint8Array): Buffer;
  /** @throws UnreadableError where the key is not there, or is another one than sealed it */
  open(keyId: string, sealed: Uint8Array): Buffer;
}

/** Something is sealed, and none of the keys of this process opens it. Nothing is lost: with its key it can be read. */
export class UnreadableError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnreadableError';
  }
}

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** random bytes that are drawn at once: one draw costs as much as sealing a short text */
const DRAWN_BYTES = 512 * NONCE_BYTES;

export function createCipher({ current, keys }: EncryptionKeys): Cipher {
  const secrets = new Map(keys.map(({ id, key }) => [id, createSecretKey(key)]));
  const sealing = secrets.get(current)!;
  const drawn = Buffer.allocUnsafe(DRAWN_BYTES);
  let used = DRAWN_BYTES;

  function nonce(): Buffer {
    if (used === DRAWN_BYTES) {
      randomFillSync(drawn);
      used = 0;
    }
    used += NONCE_BYTES;
    return drawn.subarray(used - NONCE_BYTES, used);
  }

  return {
    current,
    seal(bytes) {
      const iv = nonce();
      const cipher = createCipheriv(ALGORITHM, sealing, iv);
      return Buffer.concat([iv, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    },
    open(keyId, sealed) {
      const secret = secrets.get(keyId);
      if (!secret) {
        throw new UnreadableError(
          `Sealed with the key "${keyId}", which is not among those of this process (${[...secrets.keys()].join(', ')}). ` +
            'Add it to CADENZA_ENCRYPTION_KEYS, behind the first.',
        );
      }
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      try {
        const decipher = createDecipheriv(ALGORITHM, secret, bytes.subarray(0, NONCE_BYTES));
        decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
        return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
      } catch {
        throw new UnreadableError(
          `The key "${keyId}" does not open what is sealed with a key of this id: it is another key, or the text was changed.`,
        );
      }
    },
  };
}
