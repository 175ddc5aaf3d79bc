import { randomUUID } from 'node:crypto';
import type { OpenAI } from 'openai';
import type { FinishReason, Usage } from '../contract/index.ts';
import { chatParams } from './chat-input.ts';
import type { ProviderCall, ProviderChunk } from './provider.ts';
import { estimateUsage } from './tokens.ts';
import { toolArguments } from './tool-arguments.ts';

/** Where servers put what a model thinks; OpenAI's own API has no such field. */
type Delta = OpenAI.ChatCompletionChunk.Choice.Delta & { reasoning?: string; reasoning_content?: string };

/** One answer by Chat Completions, streamed. */
export async function* chatCompletions(
  client: OpenAI,
  { model, request, signal }: ProviderCall,
): AsyncGenerator<ProviderChunk> {
  const params = chatParams(model, request);
  const { data: stream, request_id } = await client.chat.completions.create(params, { signal }).withResponse();
  yield { type: 'open', requestId: request_id ?? undefined };
  const calls: PartialCall[] = [];
  let said = '';
  let finish: string | undefined;
  let refused = false;
  let counted: OpenAI.CompletionUsage | undefined;
  for await (const chunk of stream) {
    counted = chunk.usage ?? counted;
    const choice = chunk.choices?.[0];
    if (!choice) continue;
    finish = choice.finish_reason ?? finish;
    const delta = (choice.delta ?? {}) as Delta;
    const thought = delta.reasoning_content ?? delta.reasoning;
    if (thought) yield { type: 'reasoning', text: thought };
    const text = delta.content || delta.refusal;
    refused ||= Boolean(delta.refusal);
    if (text) {
      said += text;
      yield { type: 'text', text };
    }
    for (const piece of delta.tool_calls ?? []) gather(calls, piece);
  }
  if (finish === undefined) return;
  if (finish !== 'length') {
    for (const { id, name, args } of calls) {
      yield { type: 'toolCall', call: { type: 'toolCall', id, name, arguments: toolArguments(name, args) } };
    }
  }
  yield {
    type: 'end',
    finishReason: refused ? 'refusal' : finishReason(finish, calls.length),
    // Not every server knows `include_usage`.
    usage: counted ? usage(counted) : estimateUsage(request, said + calls.map((call) => call.args).join('')),
  };
}

interface PartialCall {
  index: number;
  id: string;
  name: string;
  args: string;
}

/** Adds a piece to its call. Some servers give every whole call the index 0, so another id begins another call. */
function gather(calls: PartialCall[], piece: OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall): void {
  const same = calls.findLast((call) => call.index === (piece.index ?? 0));
  const call = same && (!piece.id || piece.id === same.id) ? same : undefined;
  if (call) {
    call.name ||= piece.function?.name ?? '';
    call.args += piece.function?.arguments ?? '';
    return;
  }
  const { name = '', arguments: args = '' } = piece.function ?? {};
  calls.push({ index: piece.index ?? 0, id: piece.id || `call_${randomUUID()}`, name, args });
}

function finishReason(finish: string, toolCalls: number): FinishReason {
  if (finish === 'length') return 'length';
  if (finish === 'content_filter') return 'contentFilter';
  // Some servers say `stop` though the answer is a tool call.
  if (toolCalls > 0) return 'toolCalls';
  return finish === 'stop' ? 'stop' : 'other';
}

function usage(counted: OpenAI.CompletionUsage): Usage {
  return {
    inputTokens: counted.prompt_tokens ?? 0,
    outputTokens: counted.completion_tokens ?? 0,
    cachedInputTokens: counted.prompt_tokens_details?.cached_tokens ?? undefined,
    reasoningTokens: counted.completion_tokens_details?.reasoning_tokens ?? undefined,
  };
}
