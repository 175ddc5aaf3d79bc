/** A key that texts are sealed with, known by its id wherever something is sealed with it. */
export interface EncryptionKey {
  id: string;
  /** 32 bytes */
  key: Uint8Array;
}

/** All keys of an installation: each opens what it sealed, one seals. */
export interface EncryptionKeys {
  /** id of the key that seals */
  current: string;
  keys: EncryptionKey[];
}
