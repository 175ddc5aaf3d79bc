import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
  SharedV4Warning,
} from '@ai-sdk/provider';
import type { AskResult, FinishReason, Usage } from '../contract/index.ts';
import { FINISH_REASONS } from './finish-reasons.ts';

/** An answer of Cadenza as the AI SDK has it; `providerMetadata.cadenza` says what it cost. */
export function generateResult(answer: AskResult, warnings: SharedV4Warning[]): LanguageModelV4GenerateResult {
  const { text, reasoning, reasoningSignature, toolCalls = [], usage, costUsd, model, finishReason } = answer;
  const content: LanguageModelV4Content[] = [];
  if (reasoning) content.push({ type: 'reasoning', text: reasoning, ...signed(reasoningSignature) });
  if (text !== '') content.push({ type: 'text', text });
  for (const { id, name, arguments: args, signature } of toolCalls) {
    content.push({
      type: 'tool-call',
      toolCallId: id,
      toolName: name,
      input: JSON.stringify(args),
      ...signed(signature),
    });
  }
  return {
    content,
    finishReason: finishReasonOf(finishReason),
    usage: usageOf(usage),
    providerMetadata: { cadenza: { costUsd } },
    response: { modelId: model },
    warnings,
  };
}

/** A provider's own token: the AI SDK sends it back with the part. */
function signed(signature: string | undefined) {
  return signature === undefined ? {} : { providerMetadata: { cadenza: { signature } } };
}

/** An answer that is whole, as the stream it would have been. */
export function streamParts({
  content,
  finishReason,
  usage,
  providerMetadata,
  response,
  warnings,
}: LanguageModelV4GenerateResult) {
  const parts: LanguageModelV4StreamPart[] = [
    { type: 'stream-start', warnings },
    { type: 'response-metadata', modelId: response?.modelId },
  ];
  for (const [nth, part] of content.entries()) {
    const id = `${nth}`;
    if (part.type === 'text' || part.type === 'reasoning') {
      const { type, text: delta, providerMetadata: ofPart } = part;
      parts.push(
        { type: `${type}-start`, id },
        { type: `${type}-delta`, id, delta },
        { type: `${type}-end`, id, ...(ofPart && { providerMetadata: ofPart }) },
      );
    } else if (part.type === 'tool-call') parts.push(part);
  }
  parts.push({ type: 'finish', finishReason, usage, providerMetadata });
  return parts;
}

export function finishReasonOf(reason: FinishReason): LanguageModelV4FinishReason {
  return { unified: FINISH_REASONS[reason], raw: reason };
}

export function usageOf({
  inputTokens,
  outputTokens,
  cachedInputTokens,
  cacheWriteTokens,
  reasoningTokens,
}: Usage): LanguageModelV4Usage {
  const noCache = inputTokens - (cachedInputTokens ?? 0) - (cacheWriteTokens ?? 0);
  return {
    inputTokens: { total: inputTokens, noCache, cacheRead: cachedInputTokens, cacheWrite: cacheWriteTokens },
    outputTokens: { total: outputTokens, text: outputTokens - (reasoningTokens ?? 0), reasoning: reasoningTokens },
  };
}
