import { APIError, type OpenAI } from 'openai';
import type { FinishReason } from '../contract/index.ts';
import { chatParams } from './chat-input.ts';
import { type Dialect, type Loose, listeningFetch } from './event-stream.ts';
import type { ProviderCall, ProviderChunk } from './provider.ts';
import { openAiUsage, type ReportedUsage } from './reported-usage.ts';
import { thoughtSplitter } from './think-blocks.ts';
import { callGatherer } from './tool-calls.ts';

/** Chat Completions as servers really send them. */
const CHAT: Dialect = {
  mended: ({ data }) => (typeof data === 'object' && data !== null ? { data } : undefined),
  standing(data, whole) {
    if (whole && data.usage && !data.choices?.length) return 'end';
    return data.choices?.[0]?.finish_reason ? 'last' : 'going';
  },
  speaks(data) {
    const delta = deltaOf(data.choices?.[0]);
    return Boolean(delta.content || delta.tool_calls?.length || thoughtOf(delta));
  },
  failed: (error) => ({ data: { error } }),
  unstreamed(body) {
    if (!Array.isArray(body.choices)) return [];
    if (body.choices[0]?.delta) return [{ data: body }];
    const choices = body.choices.map((choice: Loose) => ({
      index: choice.index ?? 0,
      delta: choice.message ?? { content: choice.text },
      finish_reason: choice.finish_reason ?? 'stop',
    }));
    return [{ data: { ...body, choices } }];
  },
};

/** One answer by Chat Completions, streamed. */
export async function* chatCompletions(
  client: OpenAI,
  { model, request, signal, heard }: ProviderCall,
): AsyncGenerator<ProviderChunk> {
  const { fetch, seen } = listeningFetch(CHAT, heard);
  const { data: stream, request_id } = await client
    .withOptions({ fetch })
    .chat.completions.create(chatParams(model, request), { signal })
    .withResponse();
  yield { type: 'open', requestId: request_id ?? undefined };
  const calls = callGatherer();
  const thoughts = thoughtSplitter();
  let finish: string | undefined;
  let refused = false;
  let spoke = false;
  /** the usage came after the last choice, as it does at the end only */
  let closing = false;
  let usage: ReportedUsage | undefined;
  for await (const chunk of stream as AsyncIterable<Loose>) {
    const choice = chunk.choices?.[0];
    const told = openAiUsage(chunk.usage ?? choice?.usage ?? chunk.x_groq?.usage);
    if (told && (told.inputTokens || told.outputTokens || !usage)) {
      usage = told;
      yield { type: 'usage', usage };
      closing = !choice;
    }
    if (!choice) continue;
    closing = false;
    finish = choice.finish_reason || finish;
    const delta = deltaOf(choice);
    const reasoning = thoughtOf(delta);
    if (reasoning) yield { type: 'reasoning', text: reasoning };
    for (const part of contentOf(delta.content)) {
      if (part.type === 'reasoning') yield part;
      else yield* thoughts.push(part.text);
      spoke = true;
    }
    if (delta.refusal) {
      refused = true;
      yield { type: 'text', text: delta.refusal };
    }
    const called = delta.tool_calls ?? (delta.function_call ? [{ function: delta.function_call }] : []);
    for (const piece of called) {
      const input = calls.push(piece);
      if (input) yield { type: 'toolInput', text: input };
    }
    spoke ||= Boolean(reasoning) || refused || called.length > 0;
  }
  // Some servers name no finish reason; the last event tells that the answer is whole, and an empty one is none.
  if (finish === undefined && (!(seen.ended || closing) || !spoke)) return;
  yield* thoughts.flush();
  const reason = finishReason(finish, refused, calls.count());
  if (reason === 'toolCalls') yield* calls.whole();
  yield { type: 'end', finishReason: reason, usage };
}

/** Servers that answer in one piece put it into `message`, those of the older completions into `text`. */
function deltaOf(choice: Loose): Loose {
  return choice?.delta ?? choice?.message ?? { content: choice?.text };
}

/** Where servers put what a model thinks; OpenAI's own API has no such field. */
function thoughtOf(delta: Loose): string | undefined {
  const thought = delta.reasoning_content || delta.reasoning || delta.thinking;
  if (typeof thought === 'string' && thought !== '') return thought;
  const details = Array.isArray(delta.reasoning_details) ? delta.reasoning_details : [];
  return details.map((detail: Loose) => detail?.text ?? detail?.summary ?? '').join('') || undefined;
}

type Said = { type: 'text' | 'reasoning'; text: string };

/** Text, or a list of parts of text and thinking (Mistral); unknown kinds of parts are passed over. */
function contentOf(content: Loose): Said[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  if (!content || typeof content !== 'object') return [];
  const parts: Loose[] = Array.isArray(content) ? content : [content];
  return parts.flatMap((part): Said[] => {
    if (typeof part === 'string') return contentOf(part);
    const thinks = /^(thinking|reasoning|thought)/.test(part?.type ?? '');
    if (!thinks && part?.type !== undefined && !/text/.test(part.type)) return [];
    const text = plainText(part?.thinking ?? part?.text ?? part?.reasoning ?? part?.content);
    return text === '' ? [] : [{ type: thinks ? 'reasoning' : 'text', text }];
  });
}

function plainText(value: Loose): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.map((part) => plainText(part?.text ?? part)).join('') : '';
}

/** @throws APIError where the finish reason is an error's name */
function finishReason(finish: string | undefined, refused: boolean, toolCalls: number): FinishReason {
  const name = finish?.toLowerCase();
  switch (name) {
    case 'length':
    case 'max_tokens':
    case 'model_length':
    case 'model_context_window_exceeded':
      return 'length';
    case 'content_filter':
    case 'safety':
    case 'sensitive':
    case 'recitation':
      return 'contentFilter';
    case 'error':
    case 'network_error':
    case 'abort':
    case 'insufficient_system_resource':
      throw new APIError(undefined, { code: 'server_error', message: `it ended with ${finish}` }, undefined, undefined);
  }
  if (refused) return 'refusal';
  // Some servers say `stop` though the answer is a tool call.
  if (toolCalls > 0) return 'toolCalls';
  return name === undefined || /^(stop|eos|end)/.test(name) ? 'stop' : 'other';
}
