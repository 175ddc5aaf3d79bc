import { z } from 'zod';
import { BudgetUsd, KeyName, ModelRef, Policy, Quality, Route, RouteName } from '../contract/index.ts';

/** USD per million tokens. */
export const Price = z.strictObject({
  inputPerMillion: z.number().nonnegative(),
  outputPerMillion: z.number().nonnegative(),
  cachedInputPerMillion: z.number().nonnegative().optional(),
  cacheWritePerMillion: z.number().nonnegative().optional(),
});
export type Price = z.infer<typeof Price>;

/** An endpoint models are asked at. Its key is read from the environment variable `apiKeyEnv`, never from the config. */
export const ProviderConfig = z.strictObject({
  kind: z.enum(['openai', 'anthropic', 'gemini', 'openai-compatible']),
  baseUrl: z.url().optional(),
  apiKeyEnv: z.string().optional(),
  /** model ids known to be offered there, beside those it lists itself */
  models: z.array(z.string()).optional(),
});
export type ProviderConfig = z.infer<typeof ProviderConfig>;

export const Config = z.strictObject({
  /** names for one model: `{ fast: 'openai/gpt-6-luna' }` */
  aliases: z.record(z.string().regex(/^[\w-]+$/), ModelRef).default({}),
  policies: z.record(z.string().regex(/^[\w-]+$/), Policy).default({}),
  /** routers by the name a request asks for them with */
  routes: z.record(RouteName, Route).default({}),
  /** how good models are (0..1), for routers that choose the `best` */
  quality: Quality.default({}),
  /** the policy of requests that name none */
  defaultPolicy: z.string().default('default'),
  providers: z.record(z.string().regex(/^[\w-]+$/), ProviderConfig).default({}),
  /** workflow types of your own that the client, the CLI and HTTP may start too, with the task queue they run on */
  workflows: z.record(z.string(), z.strictObject({ taskQueue: z.string() })).default({}),
  /** the address people reach the gateway at: webhooks name results by it */
  gatewayUrl: z.url({ protocol: /^https?$/ }).optional(),
  webhooks: z
    .strictObject({
      /** hosts webhooks may be sent to though their addresses are private: `hooks.internal`, `127.0.0.1` */
      privateHosts: z.array(z.string()).default([]),
    })
    .prefault({}),
  /** USD that tenants and API keys may spend in all, by name; workers set them when they start */
  budgets: z
    .strictObject({
      tenants: z.record(z.string().min(1).max(200), BudgetUsd).default({}),
      keys: z.record(KeyName, BudgetUsd).default({}),
    })
    .prefault({}),
  /** prices that the price list does not know, or has wrong */
  prices: z.record(ModelRef, Price).default({}),
});
export type Config = z.infer<typeof Config>;
export type ConfigInput = z.input<typeof Config>;

/** Types and checks a `cadenza.config.ts`. */
export function defineCadenza(config: ConfigInput): ConfigInput {
  return config;
}
