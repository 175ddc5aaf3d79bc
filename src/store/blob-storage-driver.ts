import { type Payload, type StorageDriver, StorageDriverClaim } from '@temporalio/common';
import proto from '@temporalio/proto';
import { type Blobs, hashOf } from './blobs.ts';

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
