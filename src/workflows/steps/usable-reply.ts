import { z } from 'zod';
import type { CallError, Correction, ModelReply, ModelRequest } from '../../contract/index.ts';

/** A reply that fits what was asked for, why it does not, or that the model would not answer. */
export type Usability = { reply: ModelReply } | { unusable: Correction; cachedAs?: string } | { error: CallError };

/** @param output what the answer must be beyond its JSON schema */
export function usabilityOf(reply: ModelReply, output?: z.ZodType): Usability {
  const { model, text, invalid, finishReason, cachedAs } = reply;
  if (finishReason === 'refusal') return { error: { type: 'Refused', message: `${model} refused to answer`, model } };
  if (finishReason === 'contentFilter') {
    return { error: { type: 'ContentFiltered', message: `A filter of ${model} stopped the answer`, model } };
  }
  if (invalid !== undefined) return { unusable: { said: text, problem: invalid }, cachedAs };
  if (output === undefined || reply.toolCalls?.length) return { reply };
  const parsed = output.safeParse(reply.object);
  if (parsed.success) return { reply: { ...reply, object: parsed.data } };
  return { unusable: { said: text, problem: z.prettifyError(parsed.error) }, cachedAs };
}

/**
 * True where an answer that matches the JSON schema of the output may still not be one: what code checks, and what a
 * format without a pattern says, no schema says.
 */
export function hasOwnChecks(output: z.ZodType): boolean {
  let has = false;
  z.toJSONSchema(output, {
    override({ zodSchema, jsonSchema: { type, format, pattern, allOf } }) {
      const checks = zodSchema._zod.def.checks ?? [];
      has ||= checks.some(({ _zod }) => _zod.def.check === 'custom');
      has ||= type === 'string' && format !== undefined && pattern === undefined && allOf === undefined;
    },
  });
  return has;
}

/** The request once more, with the answers it had and what is wrong with them. */
export function corrected(request: ModelRequest, corrections: Correction[]): ModelRequest {
  if (corrections.length === 0) return request;
  return {
    ...request,
    messages: [
      ...request.messages,
      ...corrections.flatMap(({ said, problem }) => [
        { role: 'assistant' as const, content: said || '(no text)' },
        { role: 'user' as const, content: `That answer cannot be used: ${problem}\n${asks(request)}` },
      ]),
    ],
  };
}

function asks({ schema }: ModelRequest): string {
  return schema
    ? 'Answer again with the corrected JSON and nothing else.'
    : 'Answer again without this fault, and say nothing else.';
}
