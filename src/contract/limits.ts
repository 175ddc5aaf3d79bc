import type { CallError } from './errors.ts';
import { type ModelRef, providerOf } from './models.ts';

/** Most that may be asked of a provider, or of one of its models, within a window; what is absent is not limited. */
export interface ScopeLimits {
  requests?: number;
  /** of input and output together */
  tokens?: number;
  inputTokens?: number;
  outputTokens?: number;
  /** calls in flight at once */
  concurrent?: number;
  windowMs: number;
}

/** By provider or model ref. */
export type LimitsByScope = Record<string, ScopeLimits>;

/** What providers count by the window. */
const COUNTED = ['requests', 'tokens', 'inputTokens', 'outputTokens'] as const;
export type Counted = (typeof COUNTED)[number];

export const MINUTE_MS = 60_000;

/**
 * What holds where an installation says one thing and the provider told another: the smaller of both, and what only one
 * of them says. Providers count minutes: beside another window, what they told is left aside.
 */
export function effectiveLimits(
  configured: ScopeLimits | undefined,
  learned: ScopeLimits | undefined,
): ScopeLimits | undefined {
  if (!configured || !learned) return configured ?? learned;
  if (configured.windowMs !== learned.windowMs) return configured;
  const least = COUNTED.flatMap((name) => {
    const given = [configured[name], learned[name]].filter((most) => most !== undefined);
    return given.length === 0 ? [] : [[name, Math.min(...given)]];
  });
  return { ...configured, ...Object.fromEntries(least) };
}

/** What a call is expected to use. `output` absent: nobody has set a limit for its answer. */
export interface CallNeed {
  input: number;
  output?: number;
}

/** Below this, an answer is limited to the room that limits leave it: providers stop at none of their own, tokens. */
const SHORT_ANSWER = 4_096;
const LEAST_ANSWER = 1;

/**
 * How a call fits its limits in an empty window.
 * @returns `most`: output tokens there can be room for, where that is limited; `sendMost`: the answer must be held to that;
 *   or the error of a call that is larger than a whole window
 */
export function roomFor(
  model: ModelRef,
  { input, output = LEAST_ANSWER }: CallNeed,
  limits: LimitsByScope,
): { most?: number; sendMost?: number } | { error: CallError } {
  let most = Number.POSITIVE_INFINITY;
  for (const [scope, { tokens, inputTokens, outputTokens, windowMs }] of Object.entries(limits)) {
    const tooLarge = (name: Counted, asked: number, limit: number) => ({
      error: {
        type: 'RateLimited',
        message: `The call needs ${asked} ${WORDS[name]}, and ${scope} may be asked for ${limit} ${WORDS[name]} in ${windowMs / 1_000} s`,
        hint: 'Ask for less: a shorter prompt, or a smaller maxOutputTokens; or raise the limit in cadenza.config.ts, under limits',
        provider: providerOf(model),
        model,
        held: 'limit',
        permanent: true,
      } satisfies CallError,
    });
    if (inputTokens !== undefined && input > inputTokens) return tooLarge('inputTokens', input, inputTokens);
    if (outputTokens !== undefined && output > outputTokens) return tooLarge('outputTokens', output, outputTokens);
    if (tokens !== undefined && input + output > tokens) return tooLarge('tokens', input + output, tokens);
    most = Math.min(most, outputTokens ?? most, tokens === undefined ? most : tokens - input);
  }
  if (most === Number.POSITIVE_INFINITY) return {};
  return { most, sendMost: most < SHORT_ANSWER ? most : undefined };
}

const WORDS: Record<Counted, string> = {
  requests: 'requests',
  tokens: 'tokens',
  inputTokens: 'input tokens',
  outputTokens: 'output tokens',
};
