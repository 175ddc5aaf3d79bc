import { z } from '@hono/zod-openapi';
import type { AskInput, Usage } from '../../../contract/index.ts';
import type { Answered } from '../answered.ts';

const Status = z.enum(['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled']);

const ResponseUsage = z
  .object({
    input_tokens: z.number().int(),
    input_tokens_details: z.object({ cached_tokens: z.number().int() }),
    output_tokens: z.number().int(),
    output_tokens_details: z.object({ reasoning_tokens: z.number().int() }),
    total_tokens: z.number().int(),
    cost_usd: z.number().nullable().openapi({ description: 'Of the whole run; null where a price is not known' }),
  })
  .openapi('ResponseUsage');

const summary = z.array(z.object({ type: z.literal('summary_text'), text: z.string() }));
const OutputText = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.unknown()),
  logprobs: z.array(z.unknown()),
});
const RefusalPart = z.object({ type: z.literal('refusal'), refusal: z.string() });
const state = { id: z.string(), status: z.enum(['in_progress', 'completed', 'incomplete']) };

const OutputItem = z.discriminatedUnion('type', [
  z.object({ type: z.literal('reasoning'), summary, ...state }),
  z.object({
    type: z.literal('message'),
    role: z.literal('assistant'),
    content: z.array(z.discriminatedUnion('type', [OutputText, RefusalPart])),
    ...state,
  }),
  z.object({
    type: z.literal('function_call'),
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
    ...state,
  }),
]);
export type OutputItem = z.infer<typeof OutputItem>;

export const ResponseObject = z
  .object({
    id: z.string().openapi({ description: 'The id of the run' }),
    object: z.literal('response'),
    created_at: z.number().int(),
    status: Status,
    model: z.string(),
    output: z.array(OutputItem),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    incomplete_details: z.object({ reason: z.enum(['max_output_tokens', 'content_filter']) }).nullable(),
    usage: ResponseUsage.nullable(),
    instructions: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()),
    parallel_tool_calls: z.boolean(),
    temperature: z.number().nullable(),
    top_p: z.number().nullable(),
    max_output_tokens: z.number().nullable(),
    tool_choice: z.unknown(),
    tools: z.array(z.record(z.string(), z.unknown())),
    text: z.record(z.string(), z.unknown()),
    reasoning: z.record(z.string(), z.unknown()),
    truncation: z.literal('disabled'),
    previous_response_id: z.string().nullable().optional(),
    background: z.boolean().optional(),
  })
  .openapi('Response');
export type ResponseObject = z.infer<typeof ResponseObject>;

/** What a response says beside its answer. */
export interface ResponseFrame {
  id: string;
  /** seconds since 1970 */
  created: number;
  /** as it was asked for, until it is known who answers */
  model: string;
  asked: Pick<AskInput, 'system' | 'tools' | 'toolChoice' | 'parallelTools' | 'schema' | 'settings'>;
  metadata?: Record<string, unknown> | null;
  previous?: string | null;
  background?: boolean | null;
}

type Standing = Pick<ResponseObject, 'status' | 'output'> & Partial<Pick<ResponseObject, 'model' | 'error' | 'usage'>>;

export function responseObject(frame: ResponseFrame, standing: Standing): ResponseObject {
  const { id, created, model, asked, metadata, previous, background } = frame;
  const { settings = {}, tools = [], toolChoice, schema } = asked;
  return {
    ...{ id, object: 'response', created_at: created, model },
    ...{ error: null, incomplete_details: null, usage: null },
    instructions: asked.system ?? null,
    metadata: metadata ?? {},
    parallel_tool_calls: asked.parallelTools ?? true,
    temperature: settings.temperature ?? null,
    top_p: settings.topP ?? null,
    max_output_tokens: settings.maxOutputTokens ?? null,
    tool_choice: typeof toolChoice === 'object' ? { type: 'function', ...toolChoice } : (toolChoice ?? 'auto'),
    tools: tools.map((tool) => ({ type: 'function', strict: false, ...tool })),
    text: { format: schema ? { type: 'json_schema', name: 'answer', schema } : { type: 'text' } },
    reasoning: { effort: settings.effort ?? null, summary: null },
    truncation: 'disabled',
    ...(previous === undefined ? {} : { previous_response_id: previous }),
    ...(background === undefined || background === null ? {} : { background }),
    ...standing,
  };
}

export function answeredResponse(frame: ResponseFrame, answer: Answered): ResponseObject {
  const reason = answer.finishReason;
  const cut = reason === 'length' ? 'max_output_tokens' : reason === 'contentFilter' ? 'content_filter' : undefined;
  return {
    ...responseObject(frame, {
      status: cut ? 'incomplete' : 'completed',
      model: answer.model,
      output: outputOf(frame.id, answer),
      usage: usageOf(answer),
    }),
    incomplete_details: cut ? { reason: cut } : null,
  };
}

/** Ids of items say which response they are of, and which of its tool calls. */
export function itemId(kind: 'msg' | 'rs' | 'fc', response: string, index = 0): string {
  return `${kind}_${response.replace(/^resp_/, '')}${kind === 'fc' ? `_${index}` : ''}`;
}

export function outputOf(id: string, answer: Answered): OutputItem[] {
  const { text, reasoning, toolCalls, finishReason } = answer;
  const status = finishReason === 'length' ? 'incomplete' : 'completed';
  const content = finishReason === 'refusal' ? { type: 'refusal' as const, refusal: text } : outputText(text);
  const calls = toolCalls.map(({ id: call, name, input }, index) => ({
    ...{ type: 'function_call' as const, id: itemId('fc', id, index), status: 'completed' as const },
    ...{ call_id: call, name, arguments: input },
  }));
  return [
    ...(reasoning === '' ? [] : [reasoningItem(id, reasoning)]),
    ...(text === '' && calls.length > 0
      ? []
      : [
          {
            type: 'message' as const,
            id: itemId('msg', id),
            role: 'assistant' as const,
            status,
            content: [content],
          } as const,
        ]),
    ...calls,
  ] as OutputItem[];
}

export function reasoningItem(id: string, text: string): OutputItem {
  return { type: 'reasoning', id: itemId('rs', id), status: 'completed', summary: [{ type: 'summary_text', text }] };
}

export function outputText(text: string): z.infer<typeof OutputText> {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function usageOf({ usage, costUsd }: { usage: Usage; costUsd: number | null }): z.infer<typeof ResponseUsage> {
  const { inputTokens, outputTokens, cachedInputTokens = 0, reasoningTokens = 0 } = usage;
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
    cost_usd: costUsd,
  };
}
