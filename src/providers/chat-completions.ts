import { APIError, type OpenAI } from 'openai';
import type { FinishReason } from '../contract/index.ts';
import { chatParams } from './chat-input.ts';
import { type Dialect, listeningEvents, type StreamEvent } from './event-stream.ts';
import type { ProviderCall, ProviderChunk } from './provider.ts';
import { openAiUsage, type ReportedUsage } from './reported-usage.ts';
import { callGatherer } from './tool-calls.ts';
import { type Loose, ProviderError } from './wire.ts';

/** Chat Completions as servers really send them. */
const CHAT: Dialect = {
  mended: ({ data }) => (typeof data === 'object' && data !== null ? { data } : undefined),
  standing(data, whole) {
    if (whole && data.usage && !data.choices?.length) return 'end';
    const finish = finishOf(data.choices?.[0]);
    // What went wrong may be told after it.
    return finish && !FAILED.test(finish) ? 'last' : 'going';
  },
  speaks(data) {
    const delta = deltaOf(data.choices?.[0]);
    return [delta.content, delta.tool_calls, delta.function_call, delta.refusal, thoughtOf(delta)].some(holds);
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
  { model, request, signal, heard, answered, onSent, onHeaders }: ProviderCall,
): AsyncGenerator<ProviderChunk> {
  const { fetch, seen, events } = listeningEvents(CHAT, { heard, answered, onSent, onHeaders });
  const { headers } = await client
    .withOptions({ fetch })
    .chat.completions.create(chatParams(model, request), { signal })
    .asResponse();
  yield { type: 'open', requestId: headers.get('x-request-id') ?? undefined };
  const calls = callGatherer();
  let finish: string | undefined;
  let refused = false;
  let spoke = false;
  /** the usage came after the last choice, as it does at the end only */
  let closing = false;
  let usage: ReportedUsage | undefined;
  for await (const event of events()) {
    const chunk = dataOf(event, headers);
    const choice = chunk.choices?.[0];
    const told = openAiUsage(chunk.usage ?? choice?.usage ?? chunk.x_groq?.usage);
    if (told && (told.inputTokens || told.outputTokens || !usage)) {
      usage = told;
      yield { type: 'usage', usage };
      closing = !choice;
    }
    if (!choice) continue;
    closing = false;
    finish = finishOf(choice) || finish;
    const delta = deltaOf(choice, spoke);
    const reasoning = thoughtOf(delta);
    if (reasoning) yield { type: 'reasoning', text: reasoning };
    for (const part of contentOf(delta.content)) {
      yield { type: part.type === 'refusal' ? 'text' : part.type, text: part.text };
      refused ||= part.type === 'refusal';
      spoke = true;
    }
    if (delta.refusal) {
      refused = true;
      yield { type: 'text', text: delta.refusal };
    }
    const called = [delta.tool_calls ?? (delta.function_call ? { function: delta.function_call } : [])].flat();
    for (const piece of called) {
      const { text, id, name } = calls.push(piece);
      if (text) yield { type: 'toolInput', text, id: id || undefined, name: name || undefined };
    }
    spoke ||= Boolean(reasoning) || refused || called.length > 0;
  }
  // Some servers name no finish reason; the last event tells that the answer is whole, and an empty one is none.
  if (finish === undefined && (!(seen.ended || closing) || !spoke)) return;
  const reason = finishReason(finish, refused, calls.count());
  if (reason === 'toolCalls') yield* calls.whole();
  yield { type: 'end', finishReason: reason, usage };
}

/** What an event of OpenAI's wires tells. @throws APIError, as the SDK does, for one that tells of an error */
export function dataOf({ name, data }: StreamEvent, headers: Headers): Loose {
  const error = (data as Loose)?.error ?? (name === 'error' ? data : undefined);
  if (error) throw new APIError(undefined, error, undefined, headers);
  return data;
}

/**
 * Servers that answer in one piece put it into `message`, those of the older completions into `text`.
 * @param spoke with words before it, a message is the whole once more
 */
function deltaOf(choice: Loose, spoke = false): Loose {
  const { delta, message, text } = choice ?? {};
  const { role: _role, ...said } = delta ?? {};
  if (Object.values(said).some(holds) || (!message && delta)) return delta;
  return spoke ? { tool_calls: message?.tool_calls } : (message ?? { content: text });
}

/** True for what is there and not empty. */
function holds(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

const FAILED = /error|abort|cancel|insufficient_system_resource/i;
const BAD_CALL = /malformed_function_call|unexpected_tool_call|too_many_tool_calls/i;

/** Why a choice ended, if it did. Gateways to Gemini tell of a bad call only in the name behind theirs. */
function finishOf(choice: Loose): string | undefined {
  const { finish_reason: finish, native_finish_reason: native } = choice ?? {};
  if (typeof native === 'string' && BAD_CALL.test(native)) return native;
  return typeof finish === 'string' && finish !== '' && finish !== 'null' ? finish : undefined;
}

/** Where servers put what a model thinks; OpenAI's own API has no such field. */
function thoughtOf(delta: Loose): string | undefined {
  const fields = [delta.reasoning_content, delta.reasoning, delta.thinking, delta.reasoning_text];
  const thoughts = [...fields, delta.reasoning_details, delta.thinking_blocks].map(plainText);
  return thoughts.find((thought) => thought !== '');
}

type Said = { type: 'text' | 'reasoning' | 'refusal'; text: string };

/** Text, or a list of parts of text and thinking (Mistral); unknown kinds of parts are passed over. */
function contentOf(content: Loose): Said[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  if (!content || typeof content !== 'object') return [];
  const parts: Loose[] = Array.isArray(content) ? content : [content];
  return parts.flatMap((part): Said[] => {
    if (typeof part === 'string') return contentOf(part);
    if (part?.refusal) return [{ type: 'refusal', text: plainText(part.refusal) }];
    const thinks = /^(thinking|reasoning|thought)/.test(part?.type ?? '');
    if (!thinks && part?.type !== undefined && !/text/.test(part.type)) return [];
    const text = plainText(part);
    return text === '' ? [] : [{ type: thinks ? 'reasoning' : 'text', text }];
  });
}

/** The words of a text, a part, or a list of them. */
function plainText(value: Loose): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(plainText).join('');
  if (typeof value !== 'object' || value === null) return '';
  return plainText(value.thinking ?? value.text ?? value.reasoning ?? value.content ?? value.summary);
}

/** @throws APIError where the finish reason is an error's name, ProviderError InvalidOutput where it tells of a bad call */
function finishReason(finish: string | undefined, refused: boolean, toolCalls: number): FinishReason {
  const is = (names: RegExp) => finish !== undefined && names.test(finish);
  if (is(BAD_CALL)) {
    throw new ProviderError({
      type: 'InvalidOutput',
      message: `The model called a tool badly: ${finish}`,
      hint: 'Ask again, or describe the tool’s parameters more plainly.',
    });
  }
  if (is(/length|max_(output_|completion_)?tokens|token_limit|context_window/i)) return 'length';
  if (is(/content_?filter|safety|sensitive|recitation|prohibited|blocklist|spii|guardrail|moderat/i))
    return 'contentFilter';
  if (is(FAILED))
    throw new APIError(undefined, { code: 'server_error', message: `it ended with ${finish}` }, undefined, undefined);
  if (refused || is(/^refus/i)) return 'refusal';
  // Some servers say `stop` though the answer is a tool call.
  if (toolCalls > 0) return 'toolCalls';
  return finish === undefined || is(/^(stop|eos|end|complete|done|finish)/i) ? 'stop' : 'other';
}
