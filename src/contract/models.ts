import { z } from 'zod';
import { later } from './later.ts';
import { Message, ToolCallPart } from './messages.ts';

/** `provider/model`, or an alias of the config such as `fast`. The model part may itself hold slashes. */
export const ModelRef = later(() =>
  z
    .string()
    .regex(
      /^[A-Za-z0-9][\w.-]*(\/[\w.:@/-]+)?$/,
      'A model is written provider/model, for example anthropic/claude-sonnet-5-5, or is an alias of the config',
    ),
);
export type ModelRef = z.infer<typeof ModelRef>;

export function providerOf(model: ModelRef): string {
  return model.slice(0, model.indexOf('/'));
}

/** The provider's own name of a model: what follows the first slash. */
export function modelIdOf(model: ModelRef): string {
  return model.slice(model.indexOf('/') + 1);
}

export function isAlias(model: ModelRef): boolean {
  return !model.includes('/');
}

export const JsonSchema = later(() => z.record(z.string(), z.unknown()));
export type JsonSchema = z.infer<typeof JsonSchema>;

export const ToolDefinition = later(() =>
  z.object({
    name: z.string().regex(/^[\w-]{1,64}$/),
    description: z.string().optional(),
    parameters: JsonSchema,
  }),
);
export type ToolDefinition = z.infer<typeof ToolDefinition>;

/** How hard a model should think; providers that know fewer levels get the nearest. */
export const Effort = later(() => z.enum(['none', 'minimal', 'low', 'medium', 'high']));
export type Effort = z.infer<typeof Effort>;

/** Lines of a transcript in the store: they stand before a request's own messages once the call is made. */
export const TranscriptWindow = later(() =>
  z.strictObject({
    id: z.string(),
    /** lines from `from` up to, not with, `to` */
    from: z.number().int().nonnegative(),
    to: z.number().int().nonnegative(),
    /** hashes of messages whose text stands before the request's own system text */
    system: z.array(z.string()),
    /** hashes of messages that stand before the lines: what is left of lines that are no longer sent */
    head: z.array(z.string()).optional(),
    /** messages that become lines from `to` on before the call is made: new ones, or hashes of those that are kept */
    add: z.array(z.union([z.string(), Message])).optional(),
    /** the answer becomes the line after them, with its thinking and its tool calls */
    keepsAnswer: z.boolean().optional(),
  }),
);
export type TranscriptWindow = z.infer<typeof TranscriptWindow>;

/** How a model is asked, as a request and a policy may say it. */
export const settingFields = () => ({
  maxOutputTokens: z.number().int().positive().optional(),
  temperature: z.number().min(0).max(2).optional(),
  topP: z.number().min(0).max(1).optional(),
  seed: z.number().int().optional(),
  stop: z.array(z.string().min(1)).max(4).optional(),
  effort: Effort.optional(),
});

export const RequestSettings = later(() => z.strictObject(settingFields()));
export type RequestSettings = z.infer<typeof RequestSettings>;

export const ToolChoice = later(() => z.union([z.enum(['auto', 'none', 'required']), z.object({ name: z.string() })]));
export type ToolChoice = z.infer<typeof ToolChoice>;

/** What a request may insist on: effort and the limit of the output have a nearest value everywhere, these have none. */
export const Insisted = later(() => z.enum(['temperature', 'topP', 'seed', 'stop', 'parallelTools']));
export type Insisted = z.infer<typeof Insisted>;

/** What is asked of a model, whichever it is. */
export const ModelRequest = later(() =>
  z.strictObject({
    /** none only where there is a transcript */
    messages: z.array(Message),
    /** by reference, so that a long conversation does not travel; providers get requests without */
    transcript: TranscriptWindow.optional(),
    system: z.string().optional(),
    tools: z.array(ToolDefinition).optional(),
    /** hash of tools in the store: they are the request's once the call is made */
    toolset: z.string().optional(),
    /** further requests begin as this one does: providers that keep a beginning are asked to */
    keepsPrefix: z.boolean().optional(),
    toolChoice: ToolChoice.optional(),
    /** false: at most one tool call an answer */
    parallelTools: z.boolean().optional(),
    /** JSON schema the answer must match */
    schema: JsonSchema.optional(),
    ...settingFields(),
    /** settings that may not be left out: a model that does not know one refuses the request */
    insists: z.array(Insisted).optional(),
  }),
);
export type ModelRequest = z.infer<typeof ModelRequest>;

/** Tokens of one call. `inputTokens` holds the cached ones too, `outputTokens` the reasoning ones. */
export const Usage = later(() =>
  z.object({
    inputTokens: z.number().int().nonnegative(),
    outputTokens: z.number().int().nonnegative(),
    cachedInputTokens: z.number().int().nonnegative().optional(),
    cacheWriteTokens: z.number().int().nonnegative().optional(),
    reasoningTokens: z.number().int().nonnegative().optional(),
  }),
);
export type Usage = z.infer<typeof Usage>;

export const FinishReason = later(() => z.enum(['stop', 'length', 'toolCalls', 'contentFilter', 'refusal', 'other']));
export type FinishReason = z.infer<typeof FinishReason>;

/** What a model said. `costUsd` is null where the price of the model is not known. */
export const Answer = later(() =>
  z.object({
    text: z.string(),
    object: z.unknown().optional(),
    model: ModelRef,
    usage: Usage,
    costUsd: z.number().nonnegative().nullable(),
    finishReason: FinishReason,
  }),
);
export type Answer = z.infer<typeof Answer>;

/** The whole outcome of a model call: an answer, and what only further steps need. */
export const ModelReply = later(() =>
  Answer.extend({
    reasoning: z.string().optional(),
    reasoningSignature: z.string().optional(),
    toolCalls: z.array(ToolCallPart).optional(),
    requestId: z.string().optional(),
    /** true when it came from the cache, and so cost nothing */
    cached: z.boolean().optional(),
    /** true where it was asked in a batch of the provider, at its price */
    batched: z.boolean().optional(),
    /** under which equal requests find it in the cache */
    cachedAs: z.string().optional(),
    /** true where the provider told no usage, or not all of it: what is missing was counted by us */
    estimated: z.boolean().optional(),
    /** why the answer does not match the schema that was asked for */
    invalid: z.string().optional(),
    /** where the transcript ends with this answer; `tokens`: estimated, of the answer and of what was added before it */
    keptAt: z.object({ id: z.string(), length: z.number().int(), tokens: z.number().int() }).optional(),
    /** ms from the call's start to its first token, and to its end */
    firstTokenMs: z.number().nonnegative().optional(),
    /** ms before that in which it waited for room under a limit */
    waitedMs: z.number().nonnegative().optional(),
    totalMs: z.number().nonnegative().optional(),
  }),
);
export type ModelReply = z.infer<typeof ModelReply>;

/** The model would not answer, or a filter kept its answer: the step goes on with another candidate, or fails. */
export function isDeclined({ finishReason }: Pick<ModelReply, 'finishReason'>): boolean {
  return finishReason === 'refusal' || finishReason === 'contentFilter';
}
