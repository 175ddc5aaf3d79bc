import { z } from 'zod';
import {
  AgentDefinition,
  BudgetUsd,
  DEFAULT_EMBEDDINGS,
  Duration,
  durationMs,
  KeyName,
  ModelRef,
  Policy,
  Quality,
  Route,
  RouteName,
} from '../contract/index.ts';
import { EncryptionConfig } from './encryption.ts';
import { Circuits, ConfiguredLimits } from './limits.ts';
import { McpServers, OpenApiSources } from './tool-sources.ts';

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

const Age = z.union([z.literal('never'), Duration]);

/** How long what a run left is kept after its end, or `never` forgotten: each at least as long as the one before. */
export const Retention = z
  .strictObject({
    /** text as it streamed, token by token; then as one event a call */
    deltas: Age.default('7 days'),
    /** all other events */
    events: Age.default('30 days'),
    /** answers of calls, by which resets and forks pay nothing twice; transcripts, rows of maps, blobs */
    calls: Age.default('90 days'),
    /** the run and its bill */
    runs: Age.default('400 days'),
    /** lines of the audit log, by their own age */
    audit: Age.default('never'),
  })
  .refine(({ deltas, events, calls, runs }) => {
    const ages = [deltas, events, calls, runs].map(ageMs);
    return ages.every((age, index) => index === 0 || age >= ages[index - 1]!);
  }, 'deltas, events, calls and runs are kept each at least as long as the one before');
export type Retention = z.infer<typeof Retention>;

/** @returns ms; `Infinity` for never */
export function ageMs(age: z.infer<typeof Age>): number {
  return age === 'never' ? Number.POSITIVE_INFINITY : durationMs(age);
}

const NO_TOOL = 'A tool is made by defineTool, or by the AI SDK’s tool()';
const isObject = (value: unknown) => typeof value === 'object' && value !== null;

/** Limits of tools: docs/tools.md. */
export const ToolSettings = z.strictObject({
  /** hosts that tools may ask though their addresses are private: `127.0.0.1`, `search.internal:8080`, `*.internal` */
  privateHosts: z
    .array(z.string().regex(/^(\*\.)?[A-Za-z0-9.:_-]+$/, 'A host is a name, name:port or *.name'))
    .default([]),
  /** longest answer a tool may fetch, bytes */
  maxBytes: z.number().int().positive().default(5_000_000),
  /** longest time to an answer's last byte */
  fetchTimeout: Duration.default('30 s'),
  search: z
    .strictObject({
      /** left out, the first whose variable is set: TAVILY_API_KEY, BRAVE_API_KEY, SEARXNG_URL */
      engine: z.enum(['tavily', 'brave', 'searxng']).optional(),
      /** instead of the engine's own address */
      baseUrl: z.url({ protocol: /^https?$/ }).optional(),
    })
    .prefault({}),
  /** programs of models */
  code: z
    .strictObject({
      /** for one program */
      memoryMb: z.number().int().min(8).max(1_024).default(64),
      /** for one program; waiting for tools is not counted */
      computeTime: Duration.default('10 s'),
      /** programs at a time, a worker; more wait */
      most: z.number().int().positive().default(4),
    })
    .prefault({}),
});
export type ToolSettings = z.infer<typeof ToolSettings>;

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
  /** most that may be asked of providers and models at a time: docs/limits.md */
  limits: ConfiguredLimits.default({}),
  /** limits that providers tell in their answers hold too, once they come near; false: only those above */
  learnLimits: z.boolean().default(true),
  circuits: Circuits.prefault({}),
  /** workflow types of your own that the client, the CLI and HTTP may start too, with the task queue they run on */
  workflows: z.record(z.string(), z.strictObject({ taskQueue: z.string() })).default({}),
  /** the address people reach the gateway at: webhooks name results by it */
  gatewayUrl: z.url({ protocol: /^https?$/ }).optional(),
  gateway: z
    .strictObject({
      /** web sites whose pages may ask the gateway from a browser: `https://app.example.com`; left out, none */
      cors: z
        .array(z.url({ protocol: /^https?$/ }).refine((url) => new URL(url).origin === url, 'An origin has no path'))
        .default([]),
    })
    .prefault({}),
  webhooks: z
    .strictObject({
      /** hosts webhooks may be sent to though their addresses are private: `hooks.internal`, `127.0.0.1` */
      privateHosts: z.array(z.string()).default([]),
    })
    .prefault({}),
  toolSettings: ToolSettings.prefault({}),
  /** who answers approvals: names of people, and roles (`role:approver`), with the names of the API keys that answer for them */
  people: z.record(z.string().min(1).max(200), z.array(KeyName)).default({}),
  documents: z
    .strictObject({
      /** folders `ingest` may read files in; else those of `CADENZA_DOCUMENTS` */
      roots: z.array(z.string()).optional(),
      /** model of the vectors, where an ingest names none */
      embeddings: ModelRef.default(DEFAULT_EMBEDDINGS),
    })
    .prefault({}),
  /** USD that tenants and API keys may spend in all, by name; workers set them when they start */
  budgets: z
    .strictObject({
      tenants: z.record(z.string().min(1).max(200), BudgetUsd).default({}),
      keys: z.record(KeyName, BudgetUsd).default({}),
    })
    .prefault({}),
  /** how long after a run's end what it left is kept: see docs/production.md */
  retention: Retention.prefault({}),
  /** how calls that may wait are sent in batches of their providers: see docs/batch.md */
  batches: z
    .strictObject({
      /** a batch waits so long for a further call, and ten times as long in all */
      gather: Duration.default('30 s'),
      /** calls of one batch, at most; more are several batches */
      most: z.number().int().min(1).max(50_000).default(5_000),
      /** A submission that was cut off may have reached the provider: it is looked for there, and only after so long taken
       *  for lost, and made again. */
      settle: Duration.default('60 s'),
    })
    .prefault({}),
  /** tools of your own: of `defineTool`, or the AI SDK's `tool()` by the name models see */
  tools: z
    .union([z.array(z.custom<object>(isObject, NO_TOOL)), z.record(z.string(), z.custom<object>(isObject, NO_TOOL))])
    .default([]),
  /** agents by the name requests ask for them with: see docs/ai-sdk.md, docs/ag-ui.md and docs/a2a.md; `default` is the one
   *  of requests that name none */
  agents: z.record(z.string().regex(/^[\w-]{1,64}$/), AgentDefinition).default({}),
  /** folders that hold skills: folders with a SKILL.md each, which agents load by name */
  skills: z.array(z.string()).default(['skills']),
  /** HTTP APIs whose operations are tools, named `<api>__<operationId>`: see docs/openapi.md */
  openapi: OpenApiSources.default({}),
  /** MCP servers whose tools agents may use, named `<server>__<tool>`: see docs/mcp.md */
  mcp: McpServers.default({}),
  /** where the keys come from that texts are sealed with, beside CADENZA_ENCRYPTION_KEYS: see docs/encryption.md */
  encryption: EncryptionConfig.prefault({}),
  /** prices that the price list does not know, or has wrong */
  prices: z.record(ModelRef, Price).default({}),
});
export type Config = z.infer<typeof Config>;
export type ConfigInput = z.input<typeof Config>;

/** Types and checks a `cadenza.config.ts`. */
export function defineCadenza(config: ConfigInput): ConfigInput {
  return config;
}
