import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type DataConverter,
  ExternalStorage,
  type Payload,
  type PayloadCodec,
  type StorageDriver,
  StorageDriverClaim,
} from '@temporalio/common';
import proto from '@temporalio/proto';
import { redact } from '../providers/index.ts';
import type { Blobs, Cipher, Store } from '../store/index.ts';

/** Payloads above this stay out of Temporal's history, bytes. */
const BLOB_THRESHOLD = 32 * 1024;
/** A workflow's own result is kept in the history up to this size, so that a plain Temporal client can read it, bytes. */
const INLINE_RESULT_LIMIT = 256 * 1024;

/** Its module: workflow bundles take it in. */
export const SEALED_FAILURES = fileURLToPath(
  new URL(`../workflows/sealed-failures${path.extname(fileURLToPath(import.meta.url))}`, import.meta.url),
);

/** Marks the payload of a run's result; see `result-payload.ts` in the workflows room. */
const RESULT_MARK = 'cadenza-result';

/** Large payloads become references to blobs, and secrets of this process leave it in no payload. With keys, what Temporal
 *  keeps is sealed: payloads, and the words of failures. */
export function dataConverter({ blobs, cipher }: Pick<Store, 'blobs' | 'cipher'>, secrets: string[]): DataConverter {
  const driver = blobStorageDriver(blobs);
  return {
    // In this order: what is to be sealed is redacted before, and what is large is kept sealed.
    payloadCodecs: [
      ...(secrets.length === 0 ? [] : [redactingCodec(secrets)]),
      ...(cipher ? [encryptingCodec(cipher)] : []),
    ],
    ...(cipher && { failureConverterPath: SEALED_FAILURES }),
    externalStorage: new ExternalStorage({
      drivers: [driver],
      payloadSizeThreshold: BLOB_THRESHOLD,
      driverSelector: (_, payload) => (staysInline(payload) ? null : driver),
    }),
  };
}

/** As Temporal's samples word it: other codecs, and the Temporal UI, know by it what is encrypted. */
const ENCRYPTED = Buffer.from('binary/encrypted');
const KEY_ID = 'encryption-key-id';

/** Seals payloads whole: what they are, too. */
function encryptingCodec(cipher: Cipher): PayloadCodec {
  const keyId = Buffer.from(cipher.current);
  return {
    encode: async (payloads) =>
      payloads.map((payload) => {
        const mark = payload.metadata?.[RESULT_MARK];
        return {
          metadata: { encoding: ENCRYPTED, [KEY_ID]: keyId, ...(mark && { [RESULT_MARK]: mark }) },
          data: cipher.seal(PayloadProto.encode(payload).finish()),
        };
      }),
    // A plain Temporal client may have sent others, which are what they are.
    decode: async (payloads) =>
      payloads.map(({ metadata, data, ...rest }) =>
        metadata?.encoding && ENCRYPTED.equals(metadata.encoding)
          ? PayloadProto.decode(cipher.open(Buffer.from(metadata[KEY_ID] ?? []).toString(), data ?? new Uint8Array()))
          : { metadata, data, ...rest },
      ),
  };
}

function staysInline(payload: Payload): boolean {
  return payload.metadata?.[RESULT_MARK] !== undefined && (payload.data?.length ?? 0) <= INLINE_RESULT_LIMIT;
}

function redactingCodec(secrets: string[]): PayloadCodec {
  const needles = secrets.map((secret) => Buffer.from(secret));
  return {
    encode: async (payloads) => payloads.map((payload) => redacted(payload, secrets, needles)),
    decode: async (payloads) => payloads,
  };
}

function redacted(payload: Payload, secrets: string[], needles: Buffer[]): Payload {
  if (!payload.data?.length) return payload;
  const data = Buffer.from(payload.data.buffer, payload.data.byteOffset, payload.data.byteLength);
  if (!needles.some((needle) => data.includes(needle))) return payload;
  return { ...payload, data: Buffer.from(redact(data.toString('utf8'), secrets)) };
}

const PayloadProto = proto.temporal.api.common.v1.Payload;

/** Lets Temporal keep large payloads in the store: a history then holds their hashes. */
export function blobStorageDriver(blobs: Blobs): StorageDriver {
  return {
    name: 'cadenza-blobs',
    type: 'cadenza.blobs',
    async store({ target }, payloads) {
      const run = target?.kind === 'workflow' ? target.id : undefined;
      const bytes = payloads.map((payload) => PayloadProto.encode(payload).finish());
      const hashes = await blobs.put(bytes, run);
      return hashes.map((sha256) => new StorageDriverClaim({ sha256 }));
    },
    async retrieve(_context, claims) {
      const hashes = claims.map(({ claimData }) => claimData.sha256 ?? '');
      const found = await blobs.get(hashes);
      return found.map((bytes) => PayloadProto.decode(bytes));
    },
  };
}
