import { Anthropic } from '@anthropic-ai/sdk';
import type { FinishReason, Usage } from '../contract/index.ts';
import { messageParams, type ThinkingBlock } from './anthropic-input.ts';
import { OFFICIAL_BASE_URLS, versionlessBaseUrl } from './base-url.ts';
import { completeStream } from './complete-stream.ts';
import { asCallError } from './errors.ts';
import { FOREVER_MS, patientFetch } from './patient-fetch.ts';
import type { Provider, ProviderCall, ProviderChunk } from './provider.ts';
import { seal } from './signatures.ts';
import { toolArguments } from './tool-arguments.ts';
import { errorContext, type WireOptions } from './wire.ts';

/** Claude by the Messages API. */
export function anthropic(options: WireOptions): Provider {
  const client = new Anthropic({
    apiKey: options.apiKey,
    // Said so that a token in the SDK's own environment variables or profile is not sent along.
    authToken: null,
    baseURL: versionlessBaseUrl(options.baseUrl ?? OFFICIAL_BASE_URLS.anthropic),
    defaultHeaders: options.headers,
    fetch: patientFetch,
    maxRetries: 0,
    timeout: FOREVER_MS,
    logLevel: 'off',
  });
  return {
    name: options.name,
    stream: (call) => completeStream(messages(client, call), call.signal),
    listModels: (signal) => listModels(client, signal),
    asCallError: (error, model) => asCallError(error, errorContext(options, model)),
  };
}

async function listModels(client: Anthropic, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  for await (const model of client.models.list({ limit: 1_000 }, { signal })) ids.push(model.id);
  return ids;
}

async function* messages(client: Anthropic, { model, request, signal }: ProviderCall): AsyncGenerator<ProviderChunk> {
  const {
    data: stream,
    request_id,
    response,
  } = await client.messages.create(messageParams(model, request), { signal }).withResponse();
  // Gateways in between call it as everybody else does.
  yield { type: 'open', requestId: request_id ?? response.headers.get('x-request-id') ?? undefined };
  const open = new Map<number, OpenBlock>();
  const counted: Counted = {};
  let thinking: ThinkingBlock[] = [];
  let leading: string | undefined;
  let answering = false;
  let thoughts = 0;
  let stop: Anthropic.StopReason | null = null;
  /** Thinking before the answer belongs to the message, thinking between tool calls to the call it led to. */
  const takeSignature = () => {
    const signature = thinking.length > 0 ? seal('anthropic', model, signatureOf(thinking)) : undefined;
    thinking = [];
    return signature;
  };
  for await (const event of stream) {
    switch (event.type) {
      case 'message_start':
        count(counted, event.message.usage);
        break;
      case 'content_block_start': {
        const block = event.content_block;
        if (block.type === 'thinking' && thoughts++ > 0) yield { type: 'reasoning', text: '\n\n' };
        if (block.type === 'redacted_thinking') thinking.push({ type: 'redacted_thinking', data: block.data });
        if ((block.type === 'text' || block.type === 'tool_use') && !answering) {
          answering = true;
          leading = takeSignature();
        }
        open.set(event.index, { block, text: '', signature: '' });
        break;
      }
      case 'content_block_delta': {
        const entry = open.get(event.index);
        const { delta } = event;
        if (delta.type === 'text_delta') yield { type: 'text', text: delta.text };
        if (delta.type === 'thinking_delta') yield { type: 'reasoning', text: delta.thinking };
        if (!entry) break;
        if (delta.type === 'thinking_delta') entry.text += delta.thinking;
        if (delta.type === 'input_json_delta') entry.text += delta.partial_json;
        if (delta.type === 'signature_delta') entry.signature += delta.signature;
        break;
      }
      case 'content_block_stop': {
        const entry = open.get(event.index);
        open.delete(event.index);
        if (entry?.block.type === 'thinking') {
          thinking.push({ type: 'thinking', thinking: entry.text, signature: entry.signature });
        }
        if (entry?.block.type === 'tool_use') {
          const { id, name } = entry.block;
          const args = entry.text ? toolArguments(name, entry.text) : (entry.block.input as Record<string, unknown>);
          yield { type: 'toolCall', call: { type: 'toolCall', id, name, arguments: args, signature: takeSignature() } };
        }
        break;
      }
      case 'message_delta':
        stop = event.delta.stop_reason ?? stop;
        count(counted, event.usage);
        break;
      case 'message_stop':
        yield {
          type: 'end',
          finishReason: finishReason(stop),
          usage: usage(counted),
          reasoningSignature: answering ? leading : takeSignature(),
        };
        break;
    }
  }
}

interface OpenBlock {
  block: Anthropic.ContentBlock;
  text: string;
  signature: string;
}

/** One thinking block is told by its signature, since its text is kept beside it; anything else by the blocks themselves. */
function signatureOf(blocks: ThinkingBlock[]): string {
  const [only] = blocks;
  return blocks.length === 1 && only?.type === 'thinking' && only.thinking ? only.signature : JSON.stringify(blocks);
}

type Counted = Partial<
  Record<'input_tokens' | 'output_tokens' | 'cache_read_input_tokens' | 'cache_creation_input_tokens', number>
> & {
  thinking_tokens?: number;
};

/** Keeps the latest of each number: the last event repeats some of the first one's, and leaves others out. */
function count(counted: Counted, told: Partial<Anthropic.Usage | Anthropic.MessageDeltaUsage> | undefined): void {
  for (const field of [
    'input_tokens',
    'output_tokens',
    'cache_read_input_tokens',
    'cache_creation_input_tokens',
  ] as const) {
    counted[field] = told?.[field] ?? counted[field];
  }
  counted.thinking_tokens = told?.output_tokens_details?.thinking_tokens ?? counted.thinking_tokens;
}

/** Anthropic counts cached tokens beside `input_tokens`; we count them in. */
function usage(counted: Counted): Usage {
  const cached = counted.cache_read_input_tokens;
  const written = counted.cache_creation_input_tokens;
  return {
    inputTokens: (counted.input_tokens ?? 0) + (cached ?? 0) + (written ?? 0),
    outputTokens: counted.output_tokens ?? 0,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    reasoningTokens: counted.thinking_tokens,
  };
}

function finishReason(stop: Anthropic.StopReason | null): FinishReason {
  switch (stop) {
    case 'end_turn':
    case 'stop_sequence':
      return 'stop';
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length';
    case 'tool_use':
      return 'toolCalls';
    case 'refusal':
      return 'refusal';
    default:
      return 'other';
  }
}
