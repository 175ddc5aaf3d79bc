import { z } from '@hono/zod-openapi';
import type { FinishReason, Usage } from '../../../contract/index.ts';
import type { Answered } from '../answered.ts';

const MessageUsage = z
  .object({
    input_tokens: z.number().int(),
    output_tokens: z.number().int(),
    cache_read_input_tokens: z.number().int(),
    cache_creation_input_tokens: z.number().int(),
    cost_usd: z.number().nullable().openapi({ description: 'Of the whole run; null where a price is not known' }),
  })
  .openapi('MessageUsage');

const SaidBlock = z.discriminatedUnion('type', [
  z.object({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() }),
  z.object({ type: z.literal('text'), text: z.string(), citations: z.null() }),
  z.object({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: z.record(z.string(), z.unknown()) }),
]);

const STOP = z.enum(['end_turn', 'max_tokens', 'tool_use', 'refusal']);

export const AnthropicAnswer = z
  .object({
    id: z.string().openapi({ description: 'The id of the run' }),
    type: z.literal('message'),
    role: z.literal('assistant'),
    model: z.string(),
    content: z.array(SaidBlock),
    stop_reason: STOP,
    stop_sequence: z.null(),
    usage: MessageUsage,
  })
  .openapi('AnthropicAnswer');

export function anthropicAnswer(id: string, answer: Answered): z.infer<typeof AnthropicAnswer> {
  const { model, text, reasoning, toolCalls, finishReason } = answer;
  return {
    ...{ id, type: 'message', role: 'assistant', model },
    content: [
      ...(reasoning === '' ? [] : [{ type: 'thinking' as const, thinking: reasoning, signature: '' }]),
      ...(text === '' ? [] : [{ type: 'text' as const, text, citations: null }]),
      ...toolCalls.map(({ id: call, name, input }) => ({
        ...{ type: 'tool_use' as const, id: call, name },
        input: JSON.parse(input) as Record<string, unknown>,
      })),
    ],
    stop_reason: stopOf(finishReason),
    stop_sequence: null,
    usage: usageOf(answer),
  };
}

/** Which stop sequence ended an answer the providers' common words do not tell. */
const REASONS: Record<FinishReason, z.infer<typeof STOP>> = {
  ...{ stop: 'end_turn', other: 'end_turn', length: 'max_tokens', toolCalls: 'tool_use' },
  ...{ contentFilter: 'refusal', refusal: 'refusal' },
};

export function stopOf(reason: FinishReason): z.infer<typeof STOP> {
  return REASONS[reason];
}

/** Anthropic counts cached tokens beside `input_tokens`; we count them in. */
export function usageOf({ usage, costUsd }: { usage: Usage; costUsd: number | null }): z.infer<typeof MessageUsage> {
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0 } = usage;
  return {
    input_tokens: Math.max(0, inputTokens - cachedInputTokens - cacheWriteTokens),
    output_tokens: outputTokens,
    cache_read_input_tokens: cachedInputTokens,
    cache_creation_input_tokens: cacheWriteTokens,
    cost_usd: costUsd,
  };
}
