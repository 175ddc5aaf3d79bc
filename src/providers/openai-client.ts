import { OpenAI } from 'openai';
import { openAiBaseUrl } from './base-url.ts';
import { FOREVER_MS, patientFetch } from './patient-fetch.ts';
import type { WireOptions } from './wire.ts';

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
