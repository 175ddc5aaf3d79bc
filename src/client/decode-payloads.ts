import type { Client } from '@temporalio/client';
import { type Payload, PayloadConverterError } from '@temporalio/common';
import { ExternalStorageRunner } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { WirePayload } from '../contract/index.ts';
import { UnreadableError } from '../store/index.ts';
import { refusal } from './errors.ts';

/**
 * What Temporal's UI and CLI show of payloads: sealed ones opened, large ones fetched from the store. Others stay as they are.
 * @throws CadenzaError InvalidRequest where one is sealed with a key that is not here
 */
export async function decodePayloads(temporal: Client, given: WirePayload[]): Promise<WirePayload[]> {
  const { externalStorage, payloadCodecs } = temporal.options.loadedDataConverter;
  let payloads = given.map(fromWire);
  try {
    if (externalStorage) payloads = await new ExternalStorageRunner(externalStorage).retrieve(payloads);
    for (const codec of payloadCodecs.toReversed()) payloads = await codec.decode(payloads);
  } catch (thrown) {
    if (!(thrown instanceof UnreadableError || thrown instanceof PayloadConverterError)) throw thrown;
    throw refusal('InvalidRequest', thrown.message, { path: 'payloads' });
  }
  return payloads.map(toWire);
}

function fromWire({ metadata = {}, data }: WirePayload): Payload {
  const entries = Object.entries(metadata).map(([name, base64]) => [name, Buffer.from(base64, 'base64')]);
  return { metadata: Object.fromEntries(entries), data: Buffer.from(data ?? '', 'base64') };
}

function toWire({ metadata, data }: Payload): WirePayload {
  const entries = Object.entries(metadata ?? {}).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]);
  return { metadata: Object.fromEntries(entries), data: Buffer.from(data ?? []).toString('base64') };
}
