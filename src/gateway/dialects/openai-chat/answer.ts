import { z } from '@hono/zod-openapi';
import type { FinishReason, Usage } from '../../../contract/index.ts';
import type { Answered } from '../answered.ts';

const ChatUsage = z
  .object({
    prompt_tokens: z.number().int(),
    completion_tokens: z.number().int(),
    total_tokens: z.number().int(),
    prompt_tokens_details: z.object({ cached_tokens: z.number().int() }),
    completion_tokens_details: z.object({ reasoning_tokens: z.number().int() }),
    cost_usd: z.number().nullable().openapi({ description: 'Of the whole run; null where a price is not known' }),
  })
  .openapi('ChatUsage');

const FINISH = z.enum(['stop', 'length', 'tool_calls', 'content_filter']);

const SaidCall = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

export const ChatCompletion = z
  .object({
    id: z.string().openapi({ description: 'The id of the run' }),
    object: z.literal('chat.completion'),
    created: z.number().int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.literal(0),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.string().nullable(),
          reasoning_content: z.string().optional(),
          tool_calls: z.array(SaidCall).optional(),
        }),
        finish_reason: FINISH,
        logprobs: z.null(),
      }),
    ),
    usage: ChatUsage,
  })
  .openapi('ChatCompletion');
type ChatCompletion = z.infer<typeof ChatCompletion>;

export function chatCompletion(id: string, created: number, answer: Answered): ChatCompletion {
  const { text, reasoning, toolCalls, finishReason, model } = answer;
  const refuses = finishReason === 'refusal';
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: refuses || (text === '' && toolCalls.length > 0) ? null : text,
          refusal: refuses ? text : null,
          ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
          ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls.map(saidCall) }),
        },
        finish_reason: finishOf(finishReason),
        logprobs: null,
      },
    ],
    usage: usageOf(answer),
  };
}

function saidCall({ id, name, input }: Answered['toolCalls'][number]): z.infer<typeof SaidCall> {
  return { id, type: 'function', function: { name, arguments: input } };
}

const REASONS: Record<FinishReason, z.infer<typeof FINISH>> = {
  ...{ stop: 'stop', length: 'length', toolCalls: 'tool_calls', contentFilter: 'content_filter' },
  ...{ refusal: 'stop', other: 'stop' },
};

export function finishOf(reason: FinishReason): z.infer<typeof FINISH> {
  return REASONS[reason];
}

export function usageOf({ usage, costUsd }: { usage: Usage; costUsd: number | null }): z.infer<typeof ChatUsage> {
  const { inputTokens, outputTokens, cachedInputTokens = 0, reasoningTokens = 0 } = usage;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedInputTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
    cost_usd: costUsd,
  };
}
