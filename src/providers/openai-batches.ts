import { APIError, type OpenAI, toFile } from 'openai';
import type { CallError, ModelRequest } from '../contract/index.ts';
import { wellFormed } from '../contract/index.ts';
import { knowsBatches } from './batch-support.ts';
import { chatParams } from './chat-input.ts';
import { responsesParams } from './openai-input.ts';
import type { BatchResult, BatchWire, ProviderCall } from './provider.ts';
import type { Loose } from './wire.ts';

type Lane = 'chat' | 'responses';

const ENDPOINTS = { chat: '/v1/chat/completions', responses: '/v1/responses' } as const;
/** The name under which OpenAI keeps our mark. */
const MARK = 'cadenza_batch';
/** Clocks of two companies differ by less, s. */
const CLOCKS_DIFFER_S = 600;
/** How long files stay at OpenAI, s: their longest. */
const FILES_STAY_S = 2_592_000;

/** OpenAI's Batch API: a file of requests, a batch of them, and files of their results. */
export function openAiBatches(
  client: OpenAI,
  laneOf: (call: Pick<ProviderCall, 'model' | 'request'>) => Lane,
  asCallError: (error: unknown, model?: string) => CallError,
): BatchWire {
  // A form is one of Node's own, which another fetch than Node's does not know for one.
  const uploading = client.withOptions({ fetch: globalThis.fetch });
  return {
    async laneOf(call) {
      const lane = laneOf(call);
      bodyOf(lane, call.model, call.request);
      return lane;
    },

    isThere: (signal) => knowsBatches(client.batches.list({ limit: 1 }, { signal }), asCallError),

    async submit({ mark, model, lane, calls }, signal) {
      const url = ENDPOINTS[lane as Lane];
      const lines = calls.map(({ id, request }) =>
        JSON.stringify({ custom_id: id, method: 'POST', url, body: bodyOf(lane as Lane, model, request) }),
      );
      const file = await uploading.files.create(
        {
          file: await toFile(Buffer.from(`${lines.join('\n')}\n`), `${mark}.jsonl`, { type: 'application/jsonl' }),
          purpose: 'batch',
          expires_after: { anchor: 'created_at', seconds: FILES_STAY_S },
        },
        { signal },
      );
      const batch = await client.batches.create(
        { input_file_id: file.id, endpoint: url, completion_window: '24h', metadata: { [MARK]: mark } },
        { signal },
      );
      return batch.id;
    },

    async find({ mark, since }, signal) {
      for await (const batch of client.batches.list({ limit: 100 }, { signal })) {
        if (batch.metadata?.[MARK] === mark) return { id: batch.id };
        // Newest first.
        if (batch.created_at < since.getTime() / 1_000 - CLOCKS_DIFFER_S) break;
      }
      return { maybe: [] };
    },

    async hasEnded(id, signal) {
      const { status } = await client.batches.retrieve(id, { signal });
      return ['completed', 'failed', 'expired', 'cancelled'].includes(status);
    },

    async *results(id, _mark, signal) {
      const batch = await client.batches.retrieve(id, { signal });
      for (const file of [batch.output_file_id, batch.error_file_id]) {
        if (!file) continue;
        const { body } = await client.files.content(file, { signal });
        for await (const line of linesOf(body!)) yield resultOf(JSON.parse(line) as Loose, asCallError);
      }
    },

    async cancel(id, signal) {
      await client.batches.cancel(id, { signal });
    },
  };
}

function bodyOf(lane: Lane, model: string, given: ModelRequest): object {
  const request = wellFormed(given);
  if (lane === 'responses') {
    const { stream: _, ...body } = responsesParams(model, request);
    return body;
  }
  const { stream: _, stream_options: __, ...body } = chatParams(model, request);
  return body;
}

/** True for an answer by Chat Completions. */
export function isChatAnswer(answered: unknown): boolean {
  return Array.isArray((answered as Loose)?.choices);
}

function resultOf({ custom_id: id, response, error }: Loose, asCallError: (error: unknown) => CallError): BatchResult {
  if (response?.status_code === 200) return { id, answered: response.body };
  const { status_code: status, body } = response ?? {};
  const told = body?.error ?? error ?? { message: 'The batch tells neither an answer nor an error' };
  return { id, error: asCallError(new APIError(status, told, undefined, undefined)) };
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let open = '';
  for await (const bytes of body) {
    const lines = (open + decoder.decode(bytes, { stream: true })).split('\n');
    open = lines.pop()!;
    for (const line of lines) if (line.trim() !== '') yield line;
  }
  if (open.trim() !== '') yield open;
}
