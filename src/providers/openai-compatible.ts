import { OpenAI } from 'openai';
import { answerStream } from './answer-stream.ts';
import { openAiBaseUrl } from './base-url.ts';
import { chatCompletions } from './chat-completions.ts';
import { openAiEmbeddings } from './embeddings.ts';
import { asCallError } from './errors.ts';
import { FOREVER_MS, patientFetch } from './patient-fetch.ts';
import type { Provider } from './provider.ts';
import { errorContext, type WireOptions } from './wire.ts';

/** Whatever speaks OpenAI's Chat Completions: Ollama, vLLM, OpenRouter, Groq, Mistral and many more. */
export function openAiCompatible(options: WireOptions & { baseUrl: string }): Provider {
  const client = openAiClient(options);
  const toCallError = (error: unknown, model?: string) => asCallError(error, errorContext(options, model));
  return {
    name: options.name,
    stream: answerStream((call) => chatCompletions(client, call), toCallError),
    embed: (call) => openAiEmbeddings(client, call),
    listModels: (signal) => listModels(client, signal),
    asCallError: toCallError,
  };
}

export function openAiClient(options: WireOptions): OpenAI {
  return new OpenAI({
    apiKey: options.apiKey,
    baseURL: openAiBaseUrl(options.baseUrl),
    defaultHeaders: options.headers,
    fetch: patientFetch,
    maxRetries: 0,
    timeout: FOREVER_MS,
    logLevel: 'off',
  });
}

export async function listModels(client: OpenAI, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  for await (const model of client.models.list({ signal })) ids.push(model.id);
  return ids;
}
