export { embed } from './embeddings.ts';
export { DEFAULT_OUTPUT_TOKENS, type PriceOverrides, priceOf, worstCase } from './prices.ts';
export type { Embedded, Provider, ProviderCall, ProviderChunk } from './provider.ts';
export { type ProviderRegistry, providerRegistry, type RegistryOptions } from './registry.ts';
export { type Sandbox, startSandbox } from './sandbox.ts';
export { redact, type StreamRedactor, secretsOf, streamRedactor } from './secrets.ts';
export { withoutThoughts } from './think-blocks.ts';
export { estimateInput, estimateTokens, estimateUsage, settledUsage } from './tokens.ts';
export { ProviderError } from './wire.ts';
