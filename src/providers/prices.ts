import { calcPrice, findProvider, type Provider as ListedProvider } from '@pydantic/genai-prices';
import type { Price, ProviderConfig } from '../config/index.ts';
import { type ModelRef, type ModelRequest, modelIdOf, providerOf, type Usage } from '../contract/index.ts';
import { CLAUDE_MAX_TOKENS } from './anthropic-models.ts';
import { isReasoningModel } from './openai-models.ts';
import { SANDBOX_PRICE } from './sandbox-models.ts';
import { estimateInput } from './tokens.ts';

/** Prices of the config, by model ref. */
export type PriceOverrides = Record<string, Price>;

/** Output tokens held for, and sent as the limit, where a budget pays and the request sets none; thinking counts as output. */
const OUTPUT_LIMIT = 4_096;
const THINKING_OUTPUT_LIMIT = 16_384;
/** An answer that may not be longer than this is not worth asking for, tokens. */
const LEAST_OUTPUT_LIMIT = 1_024;

/** The price list's names where ours differ. */
const LISTED_AS: Record<string, string> = { gemini: 'google' };

/** OpenAI's tokenizer is an estimate for the others. Claude's newer ones make up to half again as many tokens of the same text. */
const TOKEN_MARGIN: Record<string, number> = { anthropic: 1.5 };
const OTHER_MARGIN = 1.15;

/**
 * What is left of the price in a batch, by the kind of wire. `cachedInput`: of input in the provider's own cache, where that
 * has another share. Sources, 2026-11: OpenAI "Batch API: 50% discount", Anthropic "Batch processing: 50% of all usage, also
 * of cache reads and writes", Gemini "Batch: 50% of the standard price", whose price table has the same for cached
 * input in a batch as outside.
 */
const BATCH_SHARE: Partial<Record<ProviderConfig['kind'], { all: number; cachedInput?: number }>> = {
  openai: { all: 0.5 },
  anthropic: { all: 0.5 },
  gemini: { all: 0.5, cachedInput: 1 },
};

/** What a call cost in a batch, USD; null where the model's price is not known. */
export function batchPriceOf(
  model: ModelRef,
  usage: Usage,
  kind: ProviderConfig['kind'] | undefined,
  overrides: PriceOverrides = {},
): number | null {
  const { all = 1, cachedInput = all } = (kind && BATCH_SHARE[kind]) ?? {};
  const price = priceOf(model, usage, overrides);
  if (price === null || cachedInput === all) return price === null ? null : price * all;
  const { cachedInputTokens = 0, inputTokens } = usage;
  const fresh = { ...usage, inputTokens: Math.max(0, inputTokens - cachedInputTokens), cachedInputTokens: 0 };
  const freshPrice = priceOf(model, fresh, overrides) ?? 0;
  return freshPrice * all + (price - freshPrice) * cachedInput;
}

/** What a call cost, USD; null where the model's price is not known. */
export function priceOf(model: ModelRef, usage: Usage, overrides: PriceOverrides = {}): number | null {
  const provider = providerOf(model);
  const own = overrides[model] ?? (provider === 'sandbox' ? SANDBOX_PRICE : undefined);
  if (own) return ownPrice(own, usage);
  const listed = listedLine(model);
  if (!listed) return null;
  const { inputTokens: input, cachedInputTokens: read = 0, cacheWriteTokens: written = 0, outputTokens } = usage;
  // Our `inputTokens` is the list's `input_tokens`: both hold the cached ones. More cached than sent would throw.
  const counted = {
    input_tokens: Math.max(input, read + written),
    cache_read_tokens: read,
    cache_write_tokens: written,
    output_tokens: outputTokens,
  };
  return calcPrice(counted, modelIdOf(model), { provider: listed })?.total_price ?? null;
}

const listedLines = new Map<ModelRef, ListedProvider | undefined>();
const KNOWN_MODELS = 1_000;

/** The provider with the model's own line only. Found once: the list's search tries the names of all providers, and copies
 *  all lines of the one it is given. */
function listedLine(model: ModelRef): ListedProvider | undefined {
  if (!listedLines.has(model)) {
    if (listedLines.size > KNOWN_MODELS) listedLines.clear();
    const id = LISTED_AS[providerOf(model)] ?? providerOf(model);
    const provider = findProvider({ providerId: id });
    // The search takes any name that holds a provider's; only the provider itself will do.
    const line = provider?.id === id ? calcPrice({}, modelIdOf(model), { provider })?.model : undefined;
    listedLines.set(model, provider && line && { ...provider, models: [line] });
  }
  return listedLines.get(model);
}

/** USD that input in the provider's own cache takes off, less what writing into it costs more; null where the price is not known. */
export function cacheSaving(model: ModelRef, usage: Usage, overrides: PriceOverrides = {}): number | null {
  const { cachedInputTokens: read = 0, cacheWriteTokens: written = 0, inputTokens, outputTokens } = usage;
  if (read + written === 0) return 0;
  const without = priceOf(model, { inputTokens: Math.max(inputTokens, read + written), outputTokens }, overrides);
  const cost = priceOf(model, usage, overrides);
  return without === null || cost === null ? null : without - cost;
}

/** The most a request is likely to cost, USD: its estimated input and all output it may have; null where the price is not known. */
export function worstCase(model: ModelRef, request: ModelRequest, overrides: PriceOverrides = {}): number | null {
  const outputTokens = request.maxOutputTokens ?? outputLimit(model);
  return priceOf(model, { inputTokens: worstInput(model, request), outputTokens }, overrides);
}

/** The output limit that a sum pays for beside the request's input, tokens; undefined where it does not pay for an answer. */
export function limitWithin(
  usd: number,
  model: ModelRef,
  request: ModelRequest,
  overrides: PriceOverrides = {},
): number | undefined {
  const inputTokens = worstInput(model, request);
  const most = outputLimit(model);
  const cost = (outputTokens: number) => priceOf(model, { inputTokens, outputTokens }, overrides) ?? Infinity;
  // The last digit of a sum that went through the database is not worth a token.
  const within = usd * (1 + 1e-9) + 1e-12;
  if (cost(most) <= within) return most;
  const [input, all] = [cost(0), cost(most)];
  const limit = Math.floor((most * (within - input)) / (all - input));
  return limit >= LEAST_OUTPUT_LIMIT ? limit : undefined;
}

/** Estimated input tokens, with what other tokenizers than ours make of it. */
export function worstInput(model: ModelRef, request: ModelRequest): number {
  return Math.ceil(estimateInput(request) * (TOKEN_MARGIN[providerOf(model)] ?? OTHER_MARGIN));
}

function outputLimit(model: ModelRef): number {
  const provider = providerOf(model);
  if (provider === 'anthropic') return CLAUDE_MAX_TOKENS;
  const thinks = provider === 'gemini' || (provider === 'openai' && isReasoningModel(modelIdOf(model)));
  return thinks ? THINKING_OUTPUT_LIMIT : OUTPUT_LIMIT;
}

function ownPrice(price: Price, usage: Usage): number {
  const { inputTokens, cachedInputTokens: read = 0, cacheWriteTokens: written = 0, outputTokens } = usage;
  const plain = Math.max(0, inputTokens - read - written);
  const perMillion =
    plain * price.inputPerMillion +
    read * (price.cachedInputPerMillion ?? price.inputPerMillion) +
    written * (price.cacheWritePerMillion ?? price.inputPerMillion) +
    outputTokens * price.outputPerMillion;
  return perMillion / 1_000_000;
}
