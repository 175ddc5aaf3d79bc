import { Anthropic } from '@anthropic-ai/sdk';
import type { FinishReason } from '../contract/index.ts';
import { answerStream } from './answer-stream.ts';
import { anthropicBatches } from './anthropic-batches.ts';
import { messageParams, type ThinkingBlock } from './anthropic-input.ts';
import { OFFICIAL_BASE_URLS, versionlessBaseUrl } from './base-url.ts';
import { asCallError } from './errors.ts';
import { type Dialect, listeningFetch } from './event-stream.ts';
import { FOREVER_MS, patientFetch } from './patient-fetch.ts';
import type { Provider, ProviderCall, ProviderChunk } from './provider.ts';
import { firstCount, type ReportedUsage } from './reported-usage.ts';
import { seal } from './signatures.ts';
import { toolCall } from './tool-calls.ts';
import { errorContext, type Loose, type WireOptions } from './wire.ts';

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
    // Spans of our calls are ours: the SDK's own would stand beside them, and tell Anthropic of the trace.
    openTelemetry: false,
  });
  const toCallError = (error: unknown, model?: string) => asCallError(error, errorContext(options, model));
  return {
    name: options.name,
    stream: answerStream((call) => messages(client, call), toCallError),
    batches: anthropicBatches(client, toCallError),
    listModels: (signal) => listModels(client, signal),
    asCallError: toCallError,
  };
}

async function listModels(client: Anthropic, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  for await (const model of client.models.list({ limit: 1_000 }, { signal })) ids.push(model.id);
  return ids;
}

/** The Messages API as gateways really send it: without event lines, without `message_stop`, with `[DONE]`. */
const MESSAGES: Dialect = {
  mended({ name, data }) {
    const type = (data as Loose)?.type ?? name;
    if (typeof data !== 'object' || data === null || !type || type === 'ping') return undefined;
    return { name: type, data: 'type' in data ? data : { ...data, type } };
  },
  standing(data) {
    if (data.type === 'message_stop') return 'end';
    return data.type === 'message_delta' && data.delta?.stop_reason ? 'last' : 'going';
  },
  speaks: (data) => data.type === 'content_block_delta' || data.type === 'content_block_start',
  failed: (error) => ({ name: 'error', data: { type: 'error', error } }),
  unstreamed(body) {
    if (!Array.isArray(body.content)) return body.type ? [{ data: body }] : [];
    const { content, usage, stop_reason, ...message } = body;
    return [
      { data: { type: 'message_start', message: { ...message, content: [], usage } } },
      ...content.flatMap((content_block: Loose, index: number) => [
        { data: { type: 'content_block_start', index, content_block } },
        { data: { type: 'content_block_stop', index } },
      ]),
      { data: { type: 'message_delta', delta: { stop_reason: stop_reason ?? 'end_turn' }, usage } },
      { data: { type: 'message_stop' } },
    ];
  },
};

async function* messages(
  client: Anthropic,
  { model, request, signal, heard, answered, onSent, onHeaders }: ProviderCall,
): AsyncGenerator<ProviderChunk> {
  const { fetch, seen } = listeningFetch(MESSAGES, { heard, answered, onSent, onHeaders });
  const {
    data: stream,
    request_id,
    response,
  } = await client.withOptions({ fetch }).messages.create(messageParams(model, request), { signal }).withResponse();
  // Gateways in between call it as everybody else does.
  yield { type: 'open', requestId: request_id ?? response.headers.get('x-request-id') ?? undefined };
  const open = new Map<number, OpenBlock>();
  const counted: Counted = {};
  const calls: (OpenBlock & { leading?: string })[] = [];
  let thinking: ThinkingBlock[] = [];
  let leading: string | undefined;
  let answering = false;
  let thoughts = 0;
  let stop: Anthropic.StopReason | null = null;
  let stopped = false;
  /** Thinking before the answer belongs to the message, thinking between tool calls to the call it led to. */
  const takeSignature = () => {
    const signature = thinking.length > 0 ? seal('anthropic', model, signatureOf(thinking)) : undefined;
    thinking = [];
    return signature;
  };
  const closeBlock = (index: number) => {
    const entry = open.get(index);
    open.delete(index);
    if (entry?.block.type === 'thinking')
      thinking.push({ type: 'thinking', thinking: entry.text, signature: entry.signature });
    if (entry?.block.type === 'tool_use') calls.push({ ...entry, leading: takeSignature() });
  };
  for await (const event of stream) {
    switch (event.type) {
      case 'message_start':
        count(counted, event.message?.usage);
        // Its count of the output is a placeholder.
        yield { type: 'usage', usage: { ...usage(counted), outputTokens: undefined } };
        break;
      case 'content_block_start': {
        const block = event.content_block;
        // Some gateways do not end a block.
        closeBlock(event.index);
        const entry: OpenBlock = { block, text: '', signature: '' };
        if (block.type === 'thinking' && thoughts++ > 0) yield { type: 'reasoning', text: '\n\n' };
        if (block.type === 'redacted_thinking') thinking.push({ type: 'redacted_thinking', data: block.data });
        if ((block.type === 'text' || block.type === 'tool_use') && !answering) {
          answering = true;
          leading = takeSignature();
        }
        if (block.type === 'text' && block.text) yield { type: 'text', text: block.text };
        if (block.type === 'thinking' && block.thinking) {
          Object.assign(entry, { text: block.thinking, signature: block.signature ?? '' });
          yield { type: 'reasoning', text: block.thinking };
        }
        open.set(event.index, entry);
        break;
      }
      case 'content_block_delta': {
        const entry = open.get(event.index);
        const { delta } = event;
        if (delta.type === 'text_delta') yield { type: 'text', text: delta.text };
        if (delta.type === 'thinking_delta') yield { type: 'reasoning', text: delta.thinking };
        if (delta.type === 'input_json_delta' && delta.partial_json) {
          const { id, name } = (entry?.block ?? {}) as Partial<Anthropic.ToolUseBlock>;
          yield { type: 'toolInput', text: delta.partial_json, id, name };
        }
        if (!entry) break;
        if (delta.type === 'thinking_delta') entry.text += delta.thinking;
        if (delta.type === 'input_json_delta') entry.text += delta.partial_json ?? '';
        if (delta.type === 'signature_delta') entry.signature += delta.signature;
        break;
      }
      case 'content_block_stop':
        closeBlock(event.index);
        break;
      case 'message_delta':
        stop = event.delta?.stop_reason || stop;
        count(counted, event.usage);
        yield { type: 'usage', usage: usage(counted) };
        break;
      case 'message_stop':
        stopped = true;
        break;
    }
  }
  // Nothing of the answer can follow its stop reason: a body that ends there is whole, with or without `message_stop`.
  if (stop === null && !stopped && !(seen.ended && answering)) return;
  for (const index of [...open.keys()]) closeBlock(index);
  const reason = finishReason(stop ?? 'end_turn', calls.length);
  // A call that the limit may have cut is not made.
  if (reason !== 'length') {
    for (const { block, text, leading: signature } of calls) {
      const { id, name, input } = block as Anthropic.ToolUseBlock;
      yield { type: 'toolCall', call: toolCall(id, name, text || (input as object), signature) };
    }
  }
  yield {
    type: 'end',
    finishReason: reason,
    usage: usage(counted),
    reasoningSignature: answering ? leading : takeSignature(),
  };
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

const COUNTS = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'] as const;
type Counted = Partial<Record<(typeof COUNTS)[number] | 'thinking_tokens', number>>;

/** Keeps the latest of each number: the last event repeats some of the first one's, and leaves others out or names 0. */
function count(counted: Counted, told: Loose): void {
  // Told of the cache for the first time, its `input_tokens` are what is left of those told before.
  const first = counted.cache_read_input_tokens || counted.cache_creation_input_tokens ? undefined : told?.input_tokens;
  if (firstCount(first) === 0 && (told.cache_read_input_tokens || told.cache_creation_input_tokens))
    counted.input_tokens = 0;
  for (const field of COUNTS) counted[field] = firstCount(Number(told?.[field]) || counted[field], told?.[field]);
  const { ephemeral_5m_input_tokens: short, ephemeral_1h_input_tokens: long } = told?.cache_creation ?? {};
  counted.cache_creation_input_tokens ||= (firstCount(short) ?? 0) + (firstCount(long) ?? 0) || undefined;
  counted.input_tokens = firstCount(counted.input_tokens, told?.prompt_tokens);
  counted.output_tokens = firstCount(counted.output_tokens, told?.completion_tokens);
  counted.thinking_tokens = firstCount(told?.output_tokens_details?.thinking_tokens, counted.thinking_tokens);
}

/** Anthropic counts cached tokens beside `input_tokens`; we count them in. */
function usage(counted: Counted): ReportedUsage {
  const { input_tokens: input, cache_read_input_tokens: cached, cache_creation_input_tokens: written } = counted;
  return {
    inputTokens: input === undefined ? undefined : input + (cached ?? 0) + (written ?? 0),
    outputTokens: counted.output_tokens,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    reasoningTokens: counted.thinking_tokens,
  };
}

/** Gateways also use the names of Chat Completions. */
function finishReason(stop: string, toolCalls: number): FinishReason {
  switch (stop) {
    case 'end_turn':
    case 'stop_sequence':
    case 'stop':
      return toolCalls > 0 ? 'toolCalls' : 'stop';
    case 'max_tokens':
    case 'model_context_window_exceeded':
    case 'length':
      return 'length';
    case 'tool_use':
    case 'tool_calls':
      return toolCalls > 0 ? 'toolCalls' : 'other';
    case 'content_filter':
      return 'contentFilter';
    case 'refusal':
      return 'refusal';
    default:
      return 'other';
  }
}
