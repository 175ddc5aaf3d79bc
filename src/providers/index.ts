export { embed } from './embeddings.ts';
export { schemaCheck, schemaProblem } from './json-schema.ts';
export {
  batchPriceOf,
  cacheSaving,
  limitWithin,
  type PriceOverrides,
  priceOf,
  worstCase,
  worstInput,
} from './prices.ts';
export type { BatchResult, BatchWire, Embedded, Provider, ProviderCall, ProviderChunk } from './provider.ts';
export { type ProviderRegistry, providerRegistry, type RegistryOptions, warmUp } from './registry.ts';
export { type Sandbox, startSandbox } from './sandbox.ts';
export { wordVector } from './sandbox-embeddings.ts';
export { redact, type StreamRedactor, secretsOf, streamRedactor } from './secrets.ts';
export { withoutThoughts } from './think-blocks.ts';
export { estimateInput, estimateTokens, estimateUsage, settledUsage } from './tokens.ts';
export { toldLimits } from './told-limits.ts';
export { ProviderError } from './wire.ts';
