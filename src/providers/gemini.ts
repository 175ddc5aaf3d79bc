import { randomUUID } from 'node:crypto';
import { type GenerateContentResponse, type GenerateContentResponseUsageMetadata, GoogleGenAI } from '@google/genai';
import type { FinishReason, Usage } from '../contract/index.ts';
import { OFFICIAL_BASE_URLS, versionlessBaseUrl } from './base-url.ts';
import { completeStream } from './complete-stream.ts';
import { geminiEmbeddings } from './embeddings.ts';
import { asCallError } from './errors.ts';
import { contentParams } from './gemini-input.ts';
import { patientFetch } from './patient-fetch.ts';
import type { Provider, ProviderCall, ProviderChunk } from './provider.ts';
import { seal } from './signatures.ts';
import { errorContext, StreamFailure, type WireOptions } from './wire.ts';

/** Gemini by generateContent. */
export function gemini(options: WireOptions): Provider {
  const httpOptions = {
    baseUrl: versionlessBaseUrl(options.baseUrl ?? OFFICIAL_BASE_URLS.gemini),
    apiVersion: 'v1beta',
    headers: options.headers,
    fetch: patientFetch,
  };
  // `vertexai` is said so that the SDK's own environment variables do not lead the key elsewhere.
  const client = new GoogleGenAI({ apiKey: options.apiKey, vertexai: false, httpOptions });
  return {
    name: options.name,
    stream: (call) => completeStream(contents(client, call), call.signal),
    embed: (call) => geminiEmbeddings(client, call),
    listModels: (signal) => listModels(client, signal),
    asCallError: (error, model) => asCallError(error, errorContext(options, model)),
  };
}

async function listModels(client: GoogleGenAI, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  const models = await client.models.list({ config: { pageSize: 1_000, abortSignal: signal } });
  for await (const { name, supportedActions } of models) {
    const answers = !supportedActions || supportedActions.includes('generateContent');
    if (name && answers) ids.push(name.replace(/^models\//, ''));
  }
  return ids;
}

async function* contents(client: GoogleGenAI, call: ProviderCall): AsyncGenerator<ProviderChunk> {
  // The SDK does not cancel the response when its reader stops early, nor does it keep an error's headers.
  const stopped = new AbortController();
  let headers: Headers | undefined;
  const keepHeaders: typeof fetch = async (input, init) => {
    const response = await patientFetch(input, init);
    headers = response.headers;
    return response;
  };
  const params = contentParams(call.model, call.request, {
    abortSignal: AbortSignal.any([call.signal, stopped.signal]),
    httpOptions: { fetch: keepHeaders },
  });
  try {
    const stream = await client.models.generateContentStream(params);
    yield { type: 'open', requestId: headers?.get('x-request-id') ?? undefined };
    yield* answer(stream, call.model);
  } catch (error) {
    throw new StreamFailure(error, { headers });
  } finally {
    stopped.abort();
  }
}

async function* answer(stream: AsyncIterable<GenerateContentResponse>, model: string): AsyncGenerator<ProviderChunk> {
  let counted: GenerateContentResponseUsageMetadata | undefined;
  let finish: string | undefined;
  let signature: string | undefined;
  let toolCalls = 0;
  for await (const response of stream) {
    counted = response.usageMetadata ?? counted;
    if (response.promptFeedback?.blockReason) finish = response.promptFeedback.blockReason;
    const candidate = response.candidates?.[0];
    finish = candidate?.finishReason ?? finish;
    for (const part of candidate?.content?.parts ?? []) {
      const signed = part.thoughtSignature && seal('gemini', model, part.thoughtSignature);
      if (part.functionCall) {
        toolCalls += 1;
        const { id = `call_${randomUUID()}`, name = '', args = {} } = part.functionCall;
        yield {
          type: 'toolCall',
          call: { type: 'toolCall', id, name, arguments: args, ...(signed && { signature: signed }) },
        };
        continue;
      }
      if (signed) signature = signed;
      if (part.text) yield { type: part.thought ? 'reasoning' : 'text', text: part.text };
    }
  }
  if (finish === undefined) return;
  yield {
    type: 'end',
    finishReason: finishReason(finish, toolCalls),
    usage: usage(counted),
    reasoningSignature: signature,
  };
}

/** Candidates' tokens leave out the thoughts, the prompt's those of tool results; ours hold them. */
function usage(counted: GenerateContentResponseUsageMetadata | undefined): Usage {
  return {
    inputTokens: (counted?.promptTokenCount ?? 0) + (counted?.toolUsePromptTokenCount ?? 0),
    outputTokens: (counted?.candidatesTokenCount ?? 0) + (counted?.thoughtsTokenCount ?? 0),
    cachedInputTokens: counted?.cachedContentTokenCount,
    reasoningTokens: counted?.thoughtsTokenCount,
  };
}

const FILTERED = new Set([
  ...['SAFETY', 'RECITATION', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'MODEL_ARMOR', 'JAILBREAK'],
  ...['IMAGE_SAFETY', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION'],
]);

function finishReason(finish: string, toolCalls: number): FinishReason {
  if (FILTERED.has(finish)) return 'contentFilter';
  if (finish === 'MAX_TOKENS' || finish === 'CONTINUATION') return 'length';
  if (toolCalls > 0) return 'toolCalls';
  return finish === 'STOP' ? 'stop' : 'other';
}
