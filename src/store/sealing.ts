import { createHmac } from 'node:crypto';
import type { Cipher } from './cipher.ts';
import { storableJson } from './storable-json.ts';

/**
 * The texts of the store in sealed envelopes. What the database works with (types, models, names, ids, numbers) stays as it
 * is; every other text becomes `cz1:<key id>:<base64url>;`, a string that SQL moves around and joins without looking inside:
 * envelopes one after another are opened to one text. Opened they are where JSON is read off a connection.
 */
export interface Sealing {
  /** JSON whose texts are sealed, field by field; for what SQL looks into */
  fields<Value>(value: Value): Value;
  /** The value as one envelope; for what SQL looks into nowhere. */
  whole<Value>(value: Value): Value;
  /** JSON from elsewhere than a connection's own: of a notification. */
  parse(json: string): unknown;
  text(text: string): string;
  openText(text: string): string;
  bytes(bytes: Uint8Array): Uint8Array;
  openBytes(bytes: Buffer): Buffer;
  /** A hash that whoever has the database cannot make of a guess. The same for ever: keys that seal may change. */
  keyed(hash: string): string;
  /** since when; undefined where nothing is sealed. What is older has plain hashes. */
  since?: Date;
}

const MARK = 'cz1:';
const ENVELOPE = /cz1:([\w-]{1,32}):([\w-]{38,});/g;
/** Before sealed bytes; then the length of the key's id, and the id. */
const BYTES_MARK = Buffer.from('\u0000cadenza-sealed\u0000');

/** Fields whose texts SQL reads, or that name what is no one's words. */
const CLEAR = new Set([
  ...[
    'type',
    'model',
    'from',
    'to',
    'by',
    'finishReason',
    'role',
    'step',
    'agent',
    'tool',
    'kind',
    'approval',
    'id',
    'name',
  ],
  ...[
    'expiresAt',
    'failedAt',
    'run',
    'pattern',
    'tenant',
    'choice',
    'provider',
    'requestId',
    'phase',
    'best',
    'mode',
    'scope',
  ],
]);
/** Fields whose objects are ours: what is the users' or the models' is sealed as a whole. */
const OURS = new Set(['error', 'usage', 'message', 'verdict', 'scores']);

/** Where nothing is sealed, everything is what it was. */
export const UNSEALED: Sealing = {
  fields: (value) => value,
  whole: (value) => value,
  parse: JSON.parse,
  text: (text) => text,
  openText: (text) => text,
  bytes: (bytes) => bytes,
  openBytes: (bytes) => bytes,
  keyed: (hash) => hash,
};

export function createSealing(cipher: Cipher, hashKey: Buffer, since: Date): Sealing {
  const whole = (value: unknown) => sealedJson(cipher, value);

  function field(name: string, value: unknown): unknown {
    if (typeof value === 'string') return CLEAR.has(name) && !value.includes(MARK) ? value : whole(value);
    if (typeof value !== 'object' || value === null) return value;
    return OURS.has(name) ? inside(value) : whole(value);
  }

  function inside(value: object): unknown {
    if (Array.isArray(value)) return value.map((item) => field('scores', item));
    const entries = Object.entries(value).filter(([, one]) => one !== undefined);
    return Object.fromEntries(entries.map(([name, one]) => [name, field(name, one)]));
  }

  return {
    fields: (value) => (typeof value === 'object' && value !== null ? inside(value) : value) as typeof value,
    whole: (value) => whole(value) as typeof value,
    parse: parseSealed(cipher),
    text: (text) => sealedJson(cipher, text),
    openText: (text) => opened(cipher, text) as string,
    bytes: (bytes) => sealedBytes(cipher, bytes),
    openBytes: (bytes) => openedBytes(cipher, bytes),
    keyed: (hash) => createHmac('sha256', hashKey).update(hash).digest('hex'),
    since,
  };
}

/** Reads JSON that may hold envelopes. @throws UnreadableError */
export function parseSealed(cipher: Cipher): (json: string) => unknown {
  return (json) =>
    json.includes(MARK)
      ? JSON.parse(json, (_, value) => (typeof value === 'string' ? opened(cipher, value) : value))
      : JSON.parse(json);
}

export function sealedJson(cipher: Cipher, value: unknown): string {
  const sealed = cipher.seal(Buffer.from(storableJson(value)));
  return `${MARK}${cipher.current}:${sealed.toString('base64url')};`;
}

/** One envelope is the value it holds; several, or text with envelopes in it, are one text. */
function opened(cipher: Cipher, text: string): unknown {
  if (!text.includes(MARK)) return text;
  const envelopes = [...text.matchAll(ENVELOPE)];
  const open = ([, keyId, sealed]: RegExpMatchArray) =>
    JSON.parse(cipher.open(keyId!, Buffer.from(sealed!, 'base64url')).toString());
  if (envelopes.length === 1 && envelopes[0]![0].length === text.length) return open(envelopes[0]!);
  return text.replaceAll(ENVELOPE, (...match) => open(match.slice(0, 3) as unknown as RegExpMatchArray));
}

function sealedBytes(cipher: Cipher, bytes: Uint8Array): Buffer {
  const id = Buffer.from(cipher.current);
  return Buffer.concat([BYTES_MARK, Buffer.of(id.length), id, cipher.seal(bytes)]);
}

function openedBytes(cipher: Cipher, bytes: Buffer): Buffer {
  if (!bytes.subarray(0, BYTES_MARK.length).equals(BYTES_MARK)) return bytes;
  const from = BYTES_MARK.length + 1;
  const to = from + bytes[BYTES_MARK.length]!;
  return cipher.open(bytes.toString('utf8', from, to), bytes.subarray(to));
}
