import { z } from 'zod';
import { Guardrails } from './guardrails.ts';
import { later } from './later.ts';
import { ModelRef, settingFields } from './models.ts';

const UNIT_MS: Record<string, number> = {
  ...{ ms: 1, millisecond: 1, s: 1_000, sec: 1_000, second: 1_000, m: 60_000, min: 60_000, minute: 60_000 },
  ...{ h: 3_600_000, hour: 3_600_000, d: 86_400_000, day: 86_400_000, w: 604_800_000, week: 604_800_000 },
};

/** Milliseconds, or words such as `90 s`, `10 minutes`, `3 days`. */
export const Duration = later(() =>
  z.union([
    z.number().nonnegative(),
    z
      .string()
      .refine(
        (text) => parseDuration(text) !== undefined,
        'A duration is milliseconds or words such as "90 s", "10 minutes", "3 days"',
      ),
  ]),
);
export type Duration = z.infer<typeof Duration>;

/** @returns ms */
export function durationMs(duration: Duration): number {
  return typeof duration === 'number' ? duration : parseDuration(duration)!;
}

function parseDuration(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(text);
  if (!match) return undefined;
  const name = match[2]!.toLowerCase();
  const unit = UNIT_MS[name] ?? UNIT_MS[name.replace(/s$/, '')];
  return unit === undefined ? undefined : Number(match[1]) * unit;
}

const Ms = later(() => z.number().int().positive().max(86_400_000));

/** A call's clocks, ms: until the provider answers at all, until its first token, between tokens, and all of it. */
export const Timeouts = later(() =>
  z.strictObject({
    connectMs: Ms.optional(),
    firstTokenMs: Ms.optional(),
    betweenTokensMs: Ms.optional(),
    totalMs: Ms.optional(),
  }),
);
export type Timeouts = z.infer<typeof Timeouts>;

/** Reasoning models may think for minutes before their first token, hence the long second clock. */
export const DEFAULT_TIMEOUTS: Required<Timeouts> = {
  connectMs: 15_000,
  firstTokenMs: 120_000,
  betweenTokensMs: 60_000,
  totalMs: 600_000,
};

/** `standard`: each call an activity, seen one by one in the Temporal UI. `fast`: local activities, quicker for short
 *  chains. `direct`: the whole run is one activity without a workflow, until it must wait for long; inside a workflow, as `fast`. */
export const Lane = later(() => z.enum(['standard', 'fast', 'direct']));
export type Lane = z.infer<typeof Lane>;

/** Answers to questions that are not equal, but near enough: docs/semantic-cache.md. */
export const SemanticCache = later(() =>
  z.strictObject({
    /** cosine of the vectors of two prompts from which on they are taken for the same question */
    threshold: z.number().min(0).max(1),
    /** of the vectors; else the config's `documents.embeddings` */
    model: ModelRef.optional(),
  }),
);
export type SemanticCache = z.infer<typeof SemanticCache>;

export const Policy = later(() =>
  z.strictObject({
    /** models or aliases, in the order they are tried */
    candidates: z.array(ModelRef).min(1, 'A policy needs at least one candidate model'),
    /** requests to one candidate before the next one is tried */
    maxAttempts: z.number().int().min(1).max(100).optional(),
    timeouts: Timeouts.optional(),
    /** false asks the provider anew; else an equal request of the same tenant within the time is answered from the cache */
    cache: z
      .union([
        z.literal(false),
        z.strictObject({ ttlSeconds: z.number().int().positive(), semantic: SemanticCache.optional() }),
      ])
      .optional(),
    /** how long the step may go on waiting through an outage of all its candidates before it fails; left out, it waits up
     *  to a minute, and only where a provider says for how long */
    patience: Duration.optional(),
    /** a `Retry-After` up to so long is waited for at the same model; a longer one leaves it for the next candidate */
    maxRetryAfter: Duration.optional(),
    ...settingFields(),
    lane: Lane.optional(),
    /** calls may wait for a batch of their provider, at its price, for up to a day. Left out, those do whose step has the
     *  patience for it (docs/batch.md); true asks it of all calls, false of none */
    batch: z.boolean().optional(),
    /** the provider goes on answering without us, and a call whose worker or connection is lost is resumed instead of made
     *  again; it keeps the answer for that. OpenAI's Responses API can; others are asked as ever (docs/background.md) */
    background: z.boolean().optional(),
    /** move on to the next candidate also after these */
    fallbackOn: z.array(z.enum(['Refused', 'ContentFiltered'])).optional(),
    guardrails: Guardrails.optional(),
    /** the second candidate is asked too where the first one's first token has not come after so long */
    hedge: z.strictObject({ afterMs: Ms }).optional(),
  }),
);
export type Policy = z.infer<typeof Policy>;

/** A policy, or the name of one (or of a model alias) in the config. */
export const PolicyRef = later(() => z.union([z.string().min(1), Policy]));
export type PolicyRef = z.infer<typeof PolicyRef>;

/** Longest `Retry-After` that is waited for at the same model where a policy does not say, ms. */
export const DEFAULT_MAX_RETRY_AFTER_MS = 5_000;
/** Requests to one candidate before the next, where a policy does not say. */
export const DEFAULT_MAX_ATTEMPTS = 3;
/** Seconds an answer stays in the cache, where a policy does not say. */
export const DEFAULT_CACHE_TTL_SECONDS = 3_600;
