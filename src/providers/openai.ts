import { APIError, type OpenAI } from 'openai';
import type { FinishReason } from '../contract/index.ts';
import { answerStream } from './answer-stream.ts';
import { isOfficial } from './base-url.ts';
import { chatCompletions, dataOf } from './chat-completions.ts';
import { openAiEmbeddings } from './embeddings.ts';
import { asCallError } from './errors.ts';
import { type Dialect, listeningEvents } from './event-stream.ts';
import { refuseUnknownSettings } from './insisted-settings.ts';
import { isChatAnswer, openAiBatches } from './openai-batches.ts';
import { listModels, openAiClient } from './openai-compatible.ts';
import { responsesParams, withReasoning } from './openai-input.ts';
import { isReasoningModel, lacksOfOpenAi } from './openai-models.ts';
import type { Provider, ProviderCall, ProviderChunk } from './provider.ts';
import { openAiUsage } from './reported-usage.ts';
import { seal } from './signatures.ts';
import { toolCall } from './tool-calls.ts';
import { errorContext, type Loose, type WireOptions } from './wire.ts';

/**
 * OpenAI by its Responses API, nothing stored there but what goes on in the background. An endpoint at another address
 * that does not know `/responses` is spoken to by Chat Completions from then on.
 */
export function openAi(options: WireOptions): Provider {
  const client = openAiClient(options);
  const mayLackResponses = !isOfficial('openai', options.baseUrl);
  let lacksResponses = false;

  const asChat = (call: Pick<ProviderCall, 'model' | 'request' | 'answered'>) =>
    call.answered === undefined ? lacksResponses || needsChat(call) : isChatAnswer(call.answered);

  async function* chunks(call: ProviderCall): AsyncGenerator<ProviderChunk> {
    if (asChat(call)) return yield* chatCompletions(client, call);
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

  const toCallError = (error: unknown, model?: string) => asCallError(error, errorContext(options, model));
  return {
    name: options.name,
    stream: answerStream(chunks, toCallError),
    embed: (call) => openAiEmbeddings(client, call),
    background: {
      cancel: async (id, signal) => void (await client.responses.cancel(id, { signal })),
    },
    batches: openAiBatches(client, (call) => (asChat(call) ? 'chat' : 'responses'), toCallError),
    listModels: (signal) => listModels(client, signal),
    asCallError: toCallError,
  };
}

/** True for a request that insists on what only Chat Completions take, of a model that takes it there. */
function needsChat({ model, request }: Pick<ProviderCall, 'model' | 'request'>): boolean {
  const insists = request.insists?.some((setting) => setting === 'stop' || setting === 'seed') ?? false;
  return insists && !isReasoningModel(model);
}

/** True for a 404 about the address, not about the model. */
function isUnknownRoute(error: unknown): boolean {
  return error instanceof APIError && error.status === 404 && !/model/i.test(`${error.code} ${error.message}`);
}

/** The Responses API as gateways really send it. */
const RESPONSES: Dialect = {
  mended({ name, data }) {
    if (typeof data !== 'object' || data === null) return undefined;
    const type = (data as Loose).type ?? name;
    if (type === (data as Loose).type && type !== 'response.done') return { data };
    return { data: { ...data, type: type === 'response.done' ? 'response.completed' : type } };
  },
  standing: ({ type }) =>
    /^response\.(completed|incomplete|failed|cancelled)$/.test(type) || type === 'error' ? 'end' : 'going',
  speaks: ({ type }) => /\.delta$/.test(type ?? ''),
  failed: (error) => ({ data: { error } }),
  unstreamed: (body) =>
    Array.isArray(body.output)
      ? [{ data: { type: `response.${body.status ?? 'completed'}`, response: body } }]
      : [{ data: body }],
};

/** A tool call whose arguments come in pieces. */
interface OpenCall {
  id?: string | null;
  call_id?: string | null;
  name?: string | null;
  args: string;
}

async function* responses(
  client: OpenAI,
  { model, request, signal, heard, answered, onSent, onHeaders, background }: ProviderCall,
): AsyncGenerator<ProviderChunk> {
  refuseUnknownSettings(model, request, lacksOfOpenAi(model, request));
  const { fetch, seen, events } = listeningEvents(RESPONSES, { heard, answered, onSent, onHeaders });
  const asked = client.withOptions({ fetch }).responses;
  let kept = background?.resume;
  let response = kept === undefined ? undefined : await resumed(asked, kept, model, signal);
  if (kept !== undefined && !response) {
    kept = undefined;
    yield { type: 'kept' };
  }
  response ??= await asked.create(responsesParams(model, request, background !== undefined), { signal }).asResponse();
  const { headers } = response;
  yield { type: 'open', requestId: headers.get('x-request-id') ?? undefined };
  /** items by their place in the output: those that only comment on the work, calls begun, and what was passed on */
  const commentary = new Set<number>();
  const begun = new Map<number, OpenCall>();
  const done = new Set<string | number>();
  const spoken = new Set<number>();
  let inPieces = false;
  const calls: { call: OpenCall; signature?: string }[] = [];
  let remarks = '';
  let refused = false;
  let reasoningParts = 0;
  let finished: Loose;
  let reasoning: { id: string; encrypted_content: string }[] = [];
  const signature = () => {
    const signed = reasoning.length > 0 ? seal('openai', model, JSON.stringify(reasoning)) : undefined;
    reasoning = [];
    return signed;
  };
  /** The words of a message that came as a whole; after pieces they are told once more. */
  const whole = (parts: Loose[] | undefined, isCommentary: boolean, index: number): ProviderChunk[] => {
    const text =
      inPieces || spoken.has(index) ? '' : (parts ?? []).map((part) => part?.text ?? part?.refusal ?? '').join('');
    if (text === '') return [];
    spoken.add(index);
    refused ||= parts!.some((part) => part?.refusal);
    return [{ type: isCommentary ? 'reasoning' : 'text', text }];
  };
  /** Takes what is known only once an item is done. */
  const finishItem = (item: Loose, index: number) => {
    // Some gateways give an item another id in each event.
    const key = item.call_id ?? item.id ?? index;
    if (done.has(key)) return;
    done.add(key);
    if (item.type === 'reasoning' && item.encrypted_content)
      reasoning.push({ id: item.id, encrypted_content: item.encrypted_content });
    if (item.type !== 'function_call' || item.status === 'incomplete') return;
    const call = { ...begun.get(index), ...item, args: item.arguments || begun.get(index)?.args || '' };
    calls.push({ call, signature: signature() });
    begun.delete(index);
  };
  for await (const told of events()) {
    const event = dataOf(told, headers);
    const index: number = event.output_index ?? 0;
    // Gateways may know nothing of the background, and say so by leaving it out.
    if (kept === undefined && event.response?.background === true && event.response.id) {
      kept = event.response.id;
      yield { type: 'kept', id: kept };
    }
    switch (event.type) {
      case 'response.output_item.added':
        if (event.item?.phase === 'commentary') commentary.add(index);
        if (event.item?.type === 'function_call') begun.set(index, { ...event.item, args: event.item.arguments ?? '' });
        break;
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        if (!event.delta) break;
        if (commentary.has(index)) {
          if (remarks && !spoken.has(index)) yield { type: 'reasoning', text: '\n\n' };
          remarks += event.delta;
          yield { type: 'reasoning', text: event.delta };
        } else {
          refused ||= event.type === 'response.refusal.delta';
          yield { type: 'text', text: event.delta };
        }
        spoken.add(index);
        inPieces = true;
        break;
      case 'response.output_text.done':
      case 'response.refusal.done':
        yield* whole([event], commentary.has(index), index);
        break;
      case 'response.reasoning_summary_part.added':
        if (reasoningParts++ > 0) yield { type: 'reasoning', text: '\n\n' };
        break;
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        yield { type: 'reasoning', text: event.delta };
        break;
      case 'response.function_call_arguments.delta': {
        const call = begun.get(index) ?? { args: '' };
        call.args += event.delta ?? '';
        begun.set(index, call);
        if (event.delta)
          yield { type: 'toolInput', text: event.delta, id: call.call_id ?? undefined, name: call.name ?? undefined };
        break;
      }
      case 'response.function_call_arguments.done':
        begun.set(index, { ...begun.get(index), args: event.arguments || begun.get(index)?.args || '' });
        break;
      case 'response.output_item.done':
        finishItem(event.item, index);
        if (event.item?.type === 'message') yield* whole(event.item.content, event.item.phase === 'commentary', index);
        break;
      case 'response.completed':
      case 'response.incomplete': {
        const { response } = event;
        const usage = openAiUsage(response.usage);
        if (usage) yield { type: 'usage', usage };
        // Some gateways tell items only here, or do not end them.
        for (const [place, item] of ((response.output ?? []) as Loose[]).entries()) {
          finishItem(item, place);
          if (item.type === 'message') yield* whole(item.content, item.phase === 'commentary', place);
        }
        finished = response;
        break;
      }
      case 'response.failed':
      case 'response.cancelled': {
        const usage = openAiUsage(event.response?.usage);
        if (usage) yield { type: 'usage', usage };
        if (kept !== undefined) yield { type: 'kept' };
        throw new APIError(undefined, event.response?.error ?? {}, undefined, undefined);
      }
      case 'error':
        throw new APIError(undefined, event, undefined, undefined);
    }
  }
  // Some gateways end with `[DONE]` alone.
  if (!finished && !(seen.ended && (spoken.size > 0 || begun.size > 0 || calls.length > 0))) return;
  if (finished?.status !== 'incomplete')
    for (const call of begun.values()) if (call.name) calls.push({ call, signature: signature() });
  const reason = finishReason(finished ?? {}, refused, calls.length);
  if (reason === 'toolCalls') {
    for (const { call, signature: signed } of calls)
      yield { type: 'toolCall', call: toolCall(call.call_id ?? call.id ?? '', call.name ?? '', call.args, signed) };
  }
  yield { type: 'end', finishReason: reason, usage: openAiUsage(finished?.usage), reasoningSignature: signature() };
}

/** An answer that goes on in the background, from its first event on; undefined where it is not kept (any more). */
async function resumed(asked: OpenAI['responses'], id: string, model: string, signal: AbortSignal) {
  try {
    return await asked.retrieve(id, { stream: true, ...withReasoning(model) }, { signal }).asResponse();
  } catch (error) {
    if (error instanceof APIError && error.status === 404) return undefined;
    throw error;
  }
}

function finishReason(response: Loose, refused: boolean, toolCalls: number): FinishReason {
  if (response.status === 'incomplete') {
    const reason = response.incomplete_details?.reason;
    if (reason === 'content_filter') return 'contentFilter';
    return reason === 'max_messages' || reason === 'steered' ? 'other' : 'length';
  }
  if (refused) return 'refusal';
  return toolCalls > 0 ? 'toolCalls' : 'stop';
}
