import type { ModelRequest, Usage } from '../../src/contract/index.ts';
import { anthropic } from '../../src/providers/anthropic.ts';
import { gemini } from '../../src/providers/gemini.ts';
import { openAi } from '../../src/providers/openai.ts';
import { openAiCompatible } from '../../src/providers/openai-compatible.ts';
import type { Provider, ProviderChunk } from '../../src/providers/provider.ts';

export const KEY = 'sk-live-0123456789abcdef';

export interface Wire {
  name: string;
  model: string;
  open(url: string): Provider;
  /** the beginning of an answer that says "Hel", as this wire sends it */
  begun: unknown[];
  /** an error inside a stream that has begun */
  broken: unknown;
}

export const WIRES: Wire[] = [
  {
    name: 'openai',
    model: 'gpt-6-sol',
    open: (baseUrl) => openAi({ name: 'openai', apiKey: KEY, baseUrl, keyVariable: 'OPENAI_API_KEY' }),
    begun: [
      { type: 'response.created', response: { id: 'resp_1', status: 'in_progress', output: [] } },
      { type: 'response.output_text.delta', delta: 'Hel', item_id: 'm', output_index: 0, content_index: 0 },
    ],
    broken: {
      type: 'response.failed',
      response: { id: 'resp_1', status: 'failed', error: { code: 'server_error', message: 'The model crashed' } },
    },
  },
  {
    name: 'openai-compatible',
    model: 'llama3',
    open: (baseUrl) => openAiCompatible({ name: 'ollama', apiKey: KEY, baseUrl }),
    begun: [{ id: 'c', choices: [{ index: 0, delta: { role: 'assistant', content: 'Hel' } }] }],
    broken: { error: { code: 'server_error', message: 'The model crashed' } },
  },
  {
    name: 'anthropic',
    model: 'claude-sonnet-5-5',
    open: (baseUrl) => anthropic({ name: 'anthropic', apiKey: KEY, baseUrl, keyVariable: 'ANTHROPIC_API_KEY' }),
    begun: [
      { type: 'message_start', message: { id: 'msg_1', role: 'assistant', content: [], usage: { input_tokens: 3 } } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hel' } },
    ],
    broken: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
  },
  {
    name: 'gemini',
    model: 'gemini-3.8-flash',
    open: (baseUrl) => gemini({ name: 'gemini', apiKey: KEY, baseUrl, keyVariable: 'GEMINI_API_KEY' }),
    begun: [{ candidates: [{ content: { role: 'model', parts: [{ text: 'Hel' }] } }] }],
    broken: { error: { code: 503, message: 'The model is overloaded', status: 'UNAVAILABLE' } },
  },
];

export const ask = (content: string, more: Partial<ModelRequest> = {}): ModelRequest => ({
  messages: [{ role: 'user', content }],
  ...more,
});

export function start(provider: Provider, model: string, request: ModelRequest, signal = new AbortController().signal) {
  return provider.stream({ model, request, signal });
}

/** All chunks of an answer. */
export async function all(chunks: AsyncIterable<ProviderChunk>): Promise<ProviderChunk[]> {
  return Array.fromAsync(chunks);
}

export function textOf(chunks: ProviderChunk[]): string {
  return chunks.map((chunk) => (chunk.type === 'text' ? chunk.text : '')).join('');
}

export function callsOf(chunks: ProviderChunk[]) {
  return chunks.flatMap((chunk) => (chunk.type === 'toolCall' ? [chunk.call] : []));
}

export function endOf(chunks: ProviderChunk[]) {
  const end = chunks.at(-1);
  if (end?.type !== 'end') throw new Error(`The last chunk is ${JSON.stringify(end)}`);
  return { ...end, usage: (end.usage ?? {}) as Usage };
}

/** What a promise fails with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('It did not fail');
}
