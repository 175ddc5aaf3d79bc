import { type GenerateContentResponse, type GenerateContentResponseUsageMetadata, GoogleGenAI } from '@google/genai';
import { type FinishReason, shortened } from '../contract/index.ts';
import { answerStream } from './answer-stream.ts';
import { OFFICIAL_BASE_URLS, versionlessBaseUrl } from './base-url.ts';
import { geminiEmbeddings } from './embeddings.ts';
import { asCallError } from './errors.ts';
import { type Dialect, listeningFetch, type Seen } from './event-stream.ts';
import { geminiBatches } from './gemini-batches.ts';
import { contentParams } from './gemini-input.ts';
import { patientFetch } from './patient-fetch.ts';
import type { Provider, ProviderCall, ProviderChunk } from './provider.ts';
import { firstCount, type ReportedUsage, rest } from './reported-usage.ts';
import { seal } from './signatures.ts';
import { toolCall } from './tool-calls.ts';
import { errorContext, type Loose, ProviderError, StreamFailure, type WireOptions } from './wire.ts';

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
  const toCallError = (error: unknown, model?: string) => asCallError(error, errorContext(options, model));
  return {
    name: options.name,
    stream: answerStream((call) => contents(client, call), toCallError),
    embed: (call) => geminiEmbeddings(client, call),
    batches: geminiBatches(client, toCallError),
    listModels: (signal) => listModels(client, signal),
    asCallError: toCallError,
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

/** generateContent as it, and gateways to it, really send it. */
const CONTENTS: Dialect = {
  mended: ({ data }) => (typeof data === 'object' && data !== null ? { data } : undefined),
  standing: (data) => (finishOf(data.candidates?.[0]) || data.promptFeedback?.blockReason ? 'last' : 'going'),
  speaks: (data) => (data.candidates?.[0]?.content?.parts?.length ?? 0) > 0,
  // The SDK throws only what has an HTTP status as its code.
  failed(error) {
    const { code } = error as Loose;
    const status = typeof code === 'number' && code >= 400 && code < 600 ? code : 502;
    return { data: { error: { ...error, ...(status !== code && { reason: code }), code: status } } };
  },
  unstreamed: (body) => (body.candidates || body.promptFeedback ? [{ data: body }] : []),
};

async function* contents(client: GoogleGenAI, call: ProviderCall): AsyncGenerator<ProviderChunk> {
  // The SDK does not cancel the response when its reader stops early, nor does it keep an error's headers.
  const stopped = new AbortController();
  const { fetch, seen } = listeningFetch(CONTENTS, call);
  const params = contentParams(call.model, call.request, {
    abortSignal: AbortSignal.any([call.signal, stopped.signal]),
    httpOptions: { fetch },
  });
  try {
    const stream = await client.models.generateContentStream(params);
    yield { type: 'open', requestId: seen.headers?.get('x-request-id') ?? undefined };
    yield* answer(stream, call.model, seen);
  } catch (error) {
    throw error instanceof ProviderError ? error : new StreamFailure(error, { headers: seen.headers });
  } finally {
    stopped.abort();
  }
}

async function* answer(
  stream: AsyncIterable<GenerateContentResponse>,
  model: string,
  seen: Seen,
): AsyncGenerator<ProviderChunk> {
  let counted: GenerateContentResponseUsageMetadata | undefined;
  let blocked: string | undefined;
  let finish: string | undefined;
  let said: string | undefined;
  let signature: string | undefined;
  let toolCalls = 0;
  let spoke = false;
  for await (const response of stream) {
    if (response.usageMetadata) {
      counted = { ...counted, ...response.usageMetadata };
      yield { type: 'usage', usage: usage(counted) };
    }
    blocked = response.promptFeedback?.blockReason ?? blocked;
    const candidate = response.candidates?.[0];
    finish = finishOf(candidate) ?? finish;
    said = candidate?.finishMessage ?? said;
    for (const part of candidate?.content?.parts ?? []) {
      spoke = true;
      const signed = part.thoughtSignature && seal('gemini', model, part.thoughtSignature);
      if (part.functionCall) {
        toolCalls += 1;
        const { id = '', name = '', args } = part.functionCall;
        // One that the model made badly is told by the finish reason.
        if (!candidate?.finishReason || !BAD_CALL.has(candidate.finishReason))
          yield { type: 'toolCall', call: toolCall(id, name, args, signed || undefined) };
        continue;
      }
      if (signed) signature = signed;
      if (part.text) yield { type: part.thought ? 'reasoning' : 'text', text: part.text };
    }
  }
  if (blocked !== undefined && blocked !== 'BLOCKED_REASON_UNSPECIFIED') throw failure('ContentFiltered', blocked);
  // Some gateways end with `[DONE]` and no finish reason.
  if (finish === undefined && seen.ended && spoke) finish = 'STOP';
  if (finish === undefined) return;
  if (BAD_CALL.has(finish)) throw failure('InvalidOutput', finish, said);
  yield {
    type: 'end',
    finishReason: finishReason(finish, toolCalls),
    usage: counted && usage(counted),
    reasoningSignature: signature,
  };
}

function finishOf(candidate: Loose): string | undefined {
  const finish = candidate?.finishReason;
  return finish && finish !== 'FINISH_REASON_UNSPECIFIED' ? finish : undefined;
}

/** The model called a tool in a way that cannot be carried out, or wrote what is no answer. */
const BAD_CALL = new Set([
  ...['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS', 'MALFORMED_RESPONSE'],
]);

function failure(type: 'ContentFiltered' | 'InvalidOutput', reason: string, said?: string): ProviderError {
  const what = type === 'InvalidOutput' ? 'Gemini called a tool badly' : 'Gemini blocked the prompt';
  return new ProviderError({
    type,
    message: `${what}: ${reason}${said ? `, ${shortened(said, 200)}` : ''}`,
    hint:
      type === 'InvalidOutput' ? 'Ask again, or describe the tool’s parameters more plainly.' : 'Change the prompt.',
  });
}

/** Candidates' tokens leave out the thoughts, the prompt's those of tool results; ours hold them. The total decides. */
function usage(counted: GenerateContentResponseUsageMetadata): ReportedUsage {
  const total = firstCount(counted.totalTokenCount);
  const candidates = firstCount(counted.candidatesTokenCount);
  const thoughts = firstCount(counted.thoughtsTokenCount);
  const prompt = firstCount(counted.promptTokenCount);
  const said = candidates === undefined && thoughts === undefined ? undefined : (candidates ?? 0) + (thoughts ?? 0);
  const inputTokens =
    prompt === undefined ? rest(total, said) : prompt + (firstCount(counted.toolUsePromptTokenCount) ?? 0);
  const within = total !== undefined && total === (inputTokens ?? 0) + (candidates ?? 0);
  return {
    inputTokens,
    outputTokens: said === undefined ? rest(total, inputTokens) : within ? candidates : said,
    cachedInputTokens: firstCount(counted.cachedContentTokenCount),
    reasoningTokens: thoughts,
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
