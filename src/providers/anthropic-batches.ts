import { type Anthropic, APIError } from '@anthropic-ai/sdk';
import { type CallError, type ModelRequest, wellFormed } from '../contract/index.ts';
import { messageParams } from './anthropic-input.ts';
import { knowsBatches } from './batch-support.ts';
import type { BatchWire } from './provider.ts';

/** Clocks of two companies differ by less, ms. */
const CLOCKS_DIFFER_MS = 600_000;

/** Anthropic's Message Batches. They keep no mark of ours but the ids of the calls, which are told with their results. */
export function anthropicBatches(client: Anthropic, asCallError: (error: unknown) => CallError): BatchWire {
  const { batches } = client.messages;
  return {
    async laneOf({ model, request }) {
      paramsOf(model, request);
      return 'messages';
    },

    isThere: (signal) => knowsBatches(batches.list({ limit: 1 }, { signal }), asCallError),

    async submit({ model, calls }, signal) {
      const requests = calls.map(({ id, request }) => ({ custom_id: id, params: paramsOf(model, request) }));
      const { id } = await batches.create({ requests }, { signal });
      return id;
    },

    async find({ calls, since }, signal) {
      const maybe: string[] = [];
      for await (const batch of batches.list({ limit: 100 }, { signal })) {
        // Newest first.
        if (Date.parse(batch.created_at) < since.getTime() - CLOCKS_DIFFER_MS) break;
        const { canceled, errored, expired, processing, succeeded } = batch.request_counts;
        if (canceled + errored + expired + processing + succeeded === calls) maybe.push(batch.id);
      }
      return { maybe };
    },

    async hasEnded(id, signal) {
      const { processing_status: status } = await batches.retrieve(id, undefined, { signal });
      return status === 'ended';
    },

    async *results(id, _mark, signal) {
      for await (const { custom_id, result } of await batches.results(id, undefined, { signal })) {
        if (result.type === 'succeeded') yield { id: custom_id, answered: result.message };
        if (result.type === 'errored') {
          const { error } = result;
          yield { id: custom_id, error: asCallError(new APIError(undefined, error, undefined, undefined)) };
        }
      }
    },

    async cancel(id, signal) {
      await batches.cancel(id, undefined, { signal });
    },
  };
}

function paramsOf(model: string, request: ModelRequest): Anthropic.MessageCreateParamsNonStreaming {
  return { ...messageParams(model, wellFormed(request)), stream: false };
}
