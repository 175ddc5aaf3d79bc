import { defaultPayloadConverter, RawValue } from '@temporalio/common';

/** A run's result, marked so that it stays readable in the history for clients that know nothing of blobs. */
export function resultPayload(result: unknown): unknown {
  const payload = defaultPayloadConverter.toPayload(result);
  if (!payload) return result;
  return RawValue.fromPayload({ ...payload, metadata: { ...payload.metadata, 'cadenza-result': new Uint8Array() } });
}
