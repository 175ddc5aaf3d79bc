import type { Usage } from '../contract/index.ts';
import type { Loose } from './wire.ts';

/** What a provider told of a call's usage; fields it does not tell are absent. */
export type ReportedUsage = Partial<Usage>;

/**
 * Usage as OpenAI's wires and all that are compatible to them tell it. Whether reasoning and cached tokens stand inside
 * the others' sum or beside it, the total decides: xAI and Gemini's compatible endpoint count reasoning beside
 * `completion_tokens`, some gateways cached input beside `prompt_tokens`.
 */
export function openAiUsage(raw: Loose): ReportedUsage | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const total = firstCount(raw.total_tokens);
  const counted = firstCount(raw.prompt_tokens, raw.input_tokens);
  const output = firstCount(raw.completion_tokens, raw.output_tokens) ?? rest(total, counted);
  const input = counted ?? rest(total, output);
  if (input === undefined && output === undefined) return undefined;
  const inputDetails = raw.prompt_tokens_details ?? raw.input_tokens_details;
  const outputDetails = raw.completion_tokens_details ?? raw.output_tokens_details;
  // DeepSeek's name, Moonshot's, and that of gateways to Anthropic.
  const cached = mostTold(
    ...[inputDetails?.cached_tokens, inputDetails?.cache_read_input_tokens, raw.prompt_cache_hit_tokens],
    ...[raw.cached_tokens, raw.num_cached_tokens, raw.cache_read_input_tokens],
  );
  const written = mostTold(
    ...[inputDetails?.cache_write_tokens, inputDetails?.cache_creation_tokens],
    ...[inputDetails?.cache_creation_input_tokens, raw.cache_creation_input_tokens],
  );
  const reasoning = firstCount(outputDetails?.reasoning_tokens, raw.reasoning_tokens);
  const inCache = (cached ?? 0) + (written ?? 0);
  const summed = (input ?? 0) + (output ?? 0);
  const cachedBeside = inCache > 0 && (inCache > (input ?? 0) || total === summed + inCache);
  const inputTokens = input === undefined ? undefined : input + (cachedBeside ? inCache : 0);
  const beside = total === undefined ? 0 : total - (inputTokens ?? 0) - (output ?? 0);
  const reasoningBeside = beside > 0 ? beside : (reasoning ?? 0) > (output ?? 0) ? reasoning! : 0;
  return {
    inputTokens,
    outputTokens: output === undefined ? undefined : output + reasoningBeside,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    reasoningTokens: reasoning ?? (reasoningBeside > 0 ? reasoningBeside : undefined),
  };
}

/** The first that is a count; some gateways write them as texts. */
export function firstCount(...values: unknown[]): number | undefined {
  const counts = values.map((value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value));
  return counts.find((value): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0);
}

/** What one number is told by several names: the first that is not 0, which may stand for "not counted". */
function mostTold(...values: unknown[]): number | undefined {
  return values.map((value) => firstCount(value)).find(Boolean) ?? firstCount(...values);
}

/** What is left of a total; undefined where one of them is not told. */
export function rest(total: number | undefined, part: number | undefined): number | undefined {
  return total === undefined || part === undefined ? undefined : Math.max(0, total - part);
}
