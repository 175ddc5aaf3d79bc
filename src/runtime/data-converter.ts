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
import { type Blobs, hashOf } from '../store/index.ts';

/** Payloads above this stay out of Temporal's history, bytes. */
const BLOB_THRESHOLD = 32 * 1024;
/** A workflow's own result is kept in the history up to this size, so that a plain Temporal client can read it, bytes. */
const INLINE_RESULT_LIMIT = 256 * 1024;

/** Marks the payload of a run's result; see `result-payload.ts` in the workflows room. */
const RESULT_MARK = 'cadenza-result';

/** Large payloads become references to blobs, and secrets of this process leave it in no payload. */
export function dataConverter(blobs: Blobs, secrets: string[]): DataConverter {
  const driver = blobStorageDriver(blobs);
  return {
    payloadCodecs: secrets.length === 0 ? [] : [redactingCodec(secrets)],
    externalStorage: new ExternalStorage({
      drivers: [driver],
      payloadSizeThreshold: BLOB_THRESHOLD,
      driverSelector: (_, payload) => (staysInline(payload) ? null : driver),
    }),
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
      return found.map((bytes, index) => decoded(bytes, hashes[index]!));
    },
  };
}

function decoded(bytes: Uint8Array, hash: string): Payload {
  if (hashOf(bytes) !== hash) throw new Error(`The blob ${hash} is damaged: its bytes have another hash.`);
  return PayloadProto.decode(bytes);
}
