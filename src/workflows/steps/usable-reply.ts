import { z } from 'zod';
import type { CallError, ModelReply, ModelRequest } from '../../contract/index.ts';
import type { CallOutcome } from './call-model.ts';

/** Makes one more call to the candidate: with this request, and told apart from an equal one before by `sample`. */
export type Ask = (request: ModelRequest, sample?: number) => Promise<CallOutcome>;

/**
 * An answer that can be used, from one candidate: as it comes, or repaired once, or asked for once more.
 *
 *   ask --fits?--> repair --fits?--> ask again --fits?--> InvalidOutput
 */
export async function usableReply(ask: Ask, request: ModelRequest, output?: z.ZodType): Promise<CallOutcome> {
  const first = checked(await ask(request), output);
  if (!('unusable' in first)) return first;
  const repaired = checked(await ask(repairOf(request, first)), output);
  if (!('unusable' in repaired)) return repaired;
  const again = checked(await ask(request, 1), output);
  if (!('unusable' in again)) return again;
  const { model } = again.unusable;
  return {
    error: {
      type: 'InvalidOutput',
      message: `The answer of ${model} is not what was asked for: ${again.problem}`,
      model,
    },
  };
}

type Checked = CallOutcome | { unusable: ModelReply; problem: string };

function checked(outcome: CallOutcome, output: z.ZodType | undefined): Checked {
  if ('error' in outcome) return outcome;
  const { reply } = outcome;
  if (reply.finishReason === 'refusal' || reply.finishReason === 'contentFilter') return { error: refusalOf(reply) };
  if (reply.invalid !== undefined) return { unusable: reply, problem: reply.invalid };
  if (output === undefined || reply.toolCalls?.length) return outcome;
  const parsed = output.safeParse(reply.object);
  if (!parsed.success) return { unusable: reply, problem: z.prettifyError(parsed.error) };
  return { reply: { ...reply, object: parsed.data } };
}

function refusalOf(reply: ModelReply): CallError {
  return reply.finishReason === 'refusal'
    ? { type: 'Refused', message: `${reply.model} refused to answer`, model: reply.model }
    : { type: 'ContentFiltered', message: `A filter of ${reply.model} stopped the answer`, model: reply.model };
}

function repairOf(request: ModelRequest, bad: { unusable: ModelReply; problem: string }): ModelRequest {
  const correction = `That answer cannot be used: ${bad.problem}\nAnswer again with the corrected JSON and nothing else.`;
  return correctionOf(request, bad.unusable, correction);
}

/** The request once more, with the answer it had and what is wrong with it. */
export function correctionOf(request: ModelRequest, { text }: ModelReply, correction: string): ModelRequest {
  return {
    ...request,
    messages: [
      ...request.messages,
      { role: 'assistant', content: text || '(no text)' },
      { role: 'user', content: correction },
    ],
  };
}
