/**
 * The models asked where nobody names one: a good general one, a quick cheap one and the strongest one of each provider.
 * The ids stand in the installed SDKs' types (model-ids.ts); of those, the newest whose price is known, since a budget
 * cannot hold what has no price.
 */
export const TIERS = {
  openai: { default: 'gpt-6-sol', fast: 'gpt-6-luna', strong: 'gpt-6-astra' },
  anthropic: { default: 'claude-sonnet-5-5', fast: 'claude-haiku-4-5', strong: 'claude-opus-5-5' },
  gemini: { default: 'gemini-3.8-flash', fast: 'gemini-3.5-flash-lite', strong: 'gemini-3.1-pro-preview' },
} as const;

export type BuiltIn = keyof typeof TIERS;
export type Tier = 'default' | 'fast' | 'strong';

/** Where the built-in providers read their key and address, in the order they are tried. */
export const BUILT_IN: Record<BuiltIn, { apiKeyEnv: string; baseUrlEnv: string }> = {
  openai: { apiKeyEnv: 'OPENAI_API_KEY', baseUrlEnv: 'OPENAI_BASE_URL' },
  anthropic: { apiKeyEnv: 'ANTHROPIC_API_KEY', baseUrlEnv: 'ANTHROPIC_BASE_URL' },
  gemini: { apiKeyEnv: 'GEMINI_API_KEY', baseUrlEnv: 'GEMINI_BASE_URL' },
};

export function isBuiltIn(name: string): name is BuiltIn {
  return Object.hasOwn(BUILT_IN, name);
}

export function isTier(name: string): name is Tier {
  return name === 'default' || name === 'fast' || name === 'strong';
}
