import { APIError, type OpenAI } from 'openai';
import type { FinishReason, Usage } from '../contract/index.ts';
import { isOfficial } from './base-url.ts';
import { chatCompletions } from './chat-completions.ts';
import { completeStream } from './complete-stream.ts';
import { openAiEmbeddings } from './embeddings.ts';
import { asCallError } from './errors.ts';
import { listModels, openAiClient } from './openai-client.ts';
import { responsesParams } from './openai-input.ts';
import type { Provider, ProviderCall, ProviderChunk } from './provider.ts';
import { seal } from './signatures.ts';
import { estimateUsage } from './tokens.ts';
import { toolArguments } from './tool-arguments.ts';
import { errorContext, type WireOptions } from './wire.ts';

/**
 * OpenAI by its Responses API, nothing stored there. An endpoint at another address that does not know `/responses`
 * is spoken to by Chat Completions from then on.
 */
export function openAi(options: WireOptions): Provider {
  const client = openAiClient(options);
  const mayLackResponses = !isOfficial('openai', options.baseUrl);
  let lacksResponses = false;

  async function* chunks(call: ProviderCall): AsyncGenerator<ProviderChunk> {
    if (lacksResponses) return yield* chatCompletions(client, call);
    try {
      return yield* responses(client, call);
    } catch (error) {
      if (!mayLackResponses || !isUnknownRoute(error)) throw error;
    }
    for await (const chunk of chatCompletions(client, call)) {
      lacksResponses = true;
      yield chunk;
    }
  }

  return {
    name: options.name,
    stream: (call) => completeStream(chunks(call), call.signal),
    embed: (call) => openAiEmbeddings(client, call),
    listModels: (signal) => listModels(client, signal),
    asCallError: (error, model) => asCallError(error, errorContext(options, model)),
  };
}

/** True for a 404 about the address, not about the model. */
function isUnknownRoute(error: unknown): boolean {
  return error instanceof APIError && error.status === 404 && !/model/i.test(`${error.code} ${error.message}`);
}

async function* responses(client: OpenAI, { model, request, signal }: ProviderCall): AsyncGenerator<ProviderChunk> {
  const params = responsesParams(model, request);
  const { data: stream, request_id } = await client.responses.create(params, { signal }).withResponse();
  yield { type: 'open', requestId: request_id ?? undefined };
  let said = '';
  let refused = false;
  let toolCalls = 0;
  let reasoningParts = 0;
  let reasoning: { id: string; encrypted_content: string }[] = [];
  const signature = () => {
    const signed = reasoning.length > 0 ? seal('openai', model, JSON.stringify(reasoning)) : undefined;
    reasoning = [];
    return signed;
  };
  for await (const event of stream) {
    switch (event.type) {
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        refused ||= event.type === 'response.refusal.delta';
        said += event.delta;
        yield { type: 'text', text: event.delta };
        break;
      case 'response.reasoning_summary_part.added':
        if (reasoningParts++ > 0) yield { type: 'reasoning', text: '\n\n' };
        break;
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        yield { type: 'reasoning', text: event.delta };
        break;
      case 'response.output_item.done':
        if (event.item.type === 'reasoning' && event.item.encrypted_content) {
          reasoning.push({ id: event.item.id, encrypted_content: event.item.encrypted_content });
        }
        if (event.item.type === 'function_call' && event.item.status !== 'incomplete') {
          toolCalls += 1;
          const { call_id: id, name } = event.item;
          const call = { type: 'toolCall' as const, id, name, arguments: toolArguments(name, event.item.arguments) };
          yield { type: 'toolCall', call: { ...call, signature: signature() } };
        }
        break;
      case 'response.completed':
      case 'response.incomplete':
        yield {
          type: 'end',
          finishReason: finishReason(event.response, refused, toolCalls),
          usage: event.response.usage ? usage(event.response.usage) : estimateUsage(request, said),
          reasoningSignature: signature(),
        };
        break;
      case 'response.failed':
        throw new APIError(undefined, event.response.error ?? {}, undefined, undefined);
      case 'error':
        throw new APIError(undefined, event, undefined, undefined);
    }
  }
}

function finishReason(response: OpenAI.Responses.Response, refused: boolean, toolCalls: number): FinishReason {
  if (response.status === 'incomplete') {
    const reason = response.incomplete_details?.reason;
    if (reason === 'content_filter') return 'contentFilter';
    return reason === 'max_messages' || reason === 'steered' ? 'other' : 'length';
  }
  if (refused) return 'refusal';
  return toolCalls > 0 ? 'toolCalls' : 'stop';
}

function usage(counted: OpenAI.Responses.ResponseUsage): Usage {
  return {
    inputTokens: counted.input_tokens,
    outputTokens: counted.output_tokens,
    cachedInputTokens: counted.input_tokens_details?.cached_tokens,
    cacheWriteTokens: counted.input_tokens_details?.cache_write_tokens,
    reasoningTokens: counted.output_tokens_details?.reasoning_tokens,
  };
}
