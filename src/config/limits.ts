import { z } from 'zod';
import { Duration, durationMs, type ScopeLimits } from '../contract/index.ts';

const Most = z.number().int().positive();

/** What may be asked of a provider or model, of all workers together: docs/limits.md. */
export const Limits = z
  .strictObject({
    /** within the window */
    requests: Most.optional(),
    /** input and output together */
    tokens: Most.optional(),
    inputTokens: Most.optional(),
    outputTokens: Most.optional(),
    /** calls in flight at once */
    concurrent: Most.optional(),
    window: Duration.refine(
      (window) => durationMs(window) >= 1_000 && durationMs(window) <= 86_400_000,
      'A window is from 1 second to 1 day long',
    ).default('1 minute'),
  })
  .refine(({ window: _, ...limits }) => Object.keys(limits).length > 0, 'A limit says of what: requests, tokens, ...');

/** By provider (`openai`) or model (`openai/gpt-6-luna`). */
export const ConfiguredLimits = z.record(
  z.string().regex(/^[\w-]+(\/\S+)?$/, 'Limits are those of a provider, or of a model: openai, openai/gpt-6-luna'),
  Limits,
);

/** When the circuit of a model or provider opens: docs/limits.md. */
export const Circuits = z.strictObject({
  /** failed calls, of all workers together, where more fail than succeed */
  failures: z.number().int().positive().default(10),
  within: Duration.default('30 s'),
  /** first rest before one call finds out whether it is back */
  rest: Duration.default('5 s'),
});

export function limitsOf(configured: z.infer<typeof ConfiguredLimits>, scope: string): ScopeLimits | undefined {
  if (!Object.hasOwn(configured, scope)) return undefined;
  const { window, ...most } = configured[scope]!;
  return { ...most, windowMs: durationMs(window) };
}
