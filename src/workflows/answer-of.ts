import { type Answer, type AskResult, withoutUndefined } from '../contract/index.ts';
import type { Generated } from './steps/generate.ts';

/** What users see of a reply. */
export function answerOf({ text, object, model, usage, costUsd, finishReason }: Generated): Answer {
  return { text, ...(object === undefined ? {} : { object }), model, usage, costUsd, finishReason };
}

/** The same, with its times (ms). */
export function timedAnswerOf(reply: Generated): Answer & { firstTokenMs?: number; totalMs?: number } {
  const { firstTokenMs, totalMs } = reply;
  return { ...answerOf(reply), firstTokenMs, totalMs };
}

/** The same, with the tools the model wants used. */
export function askResultOf(reply: Generated): AskResult {
  const { toolCalls, reasoning, reasoningSignature } = reply;
  return toolCalls?.length
    ? withoutUndefined({ ...answerOf(reply), toolCalls, reasoning, reasoningSignature })
    : answerOf(reply);
}
