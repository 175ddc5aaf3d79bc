import { z } from 'zod';
import { later } from './later.ts';
import { ModelRef } from './models.ts';

/** By what spending is told apart. */
export const SpendDimension = later(() => z.enum(['day', 'model', 'tenant', 'key', 'pattern']));
export type SpendDimension = z.infer<typeof SpendDimension>;

const day = () => z.iso.date('A day is written as 2026-11-29');

/** Which spending: of whole days, in a time zone. */
export const SpendQuery = later(() =>
  z.object({
    /** first day; left out, 29 days before the last */
    from: day().optional(),
    /** last day, with all its hours; left out, today */
    to: day().optional(),
    /** one or two, as a list or with a comma between: `day,model` */
    by: z
      .preprocess(
        (given) => (typeof given === 'string' ? given.split(',') : given),
        z
          .array(SpendDimension)
          .min(1)
          .max(2)
          .refine((given) => new Set(given).size === given.length, 'The same is named twice'),
      )
      .default(['day']),
    /** by which a day begins and ends */
    timeZone: z.string().refine(isTimeZone, 'A time zone is UTC, or a name such as Europe/Berlin').default('UTC'),
    tenant: z.string().optional(),
    key: z.string().optional(),
    model: ModelRef.optional(),
    pattern: z.string().optional(),
    /** lines at most, those that cost most; the total is of all */
    limit: z.coerce.number().int().min(1).max(10_000).default(1_000),
  }),
);
export type SpendQuery = z.input<typeof SpendQuery>;

/** Sums over lines of the ledger: USD and tokens. Answers of the cache are counted apart: nobody was asked for them. */
const sums = () => ({
  costUsd: z.number(),
  /** attempts that used something, however they ended */
  calls: z.number().int(),
  inputTokens: z.number().int(),
  /** of them, those that the provider had in its own cache */
  cachedInputTokens: z.number().int(),
  cacheWriteTokens: z.number().int(),
  outputTokens: z.number().int(),
  /** of them, those of thoughts */
  reasoningTokens: z.number().int(),
  /** answers that were there already, of the cache or of the run a fork is of */
  cachedAnswers: z.number().int(),
  /** what those had cost when they were asked for */
  savedByCacheUsd: z.number(),
  /** what providers took off for input in their own caches, less what writing into those cost more */
  savedByProviderUsd: z.number(),
  /** what providers took off for batches, and in them for input in their own caches */
  savedByBatchUsd: z.number(),
  /** cached answers whose earlier cost is not known */
  savedUnknown: z.number().int(),
  /** calls whose price is not known: `costUsd` is without them */
  unpriced: z.number().int(),
  /** calls of which the provider did not tell all: counted from what was sent and said */
  estimated: z.number().int(),
  /** what those cost; part of `costUsd` */
  estimatedUsd: z.number(),
});

export const SpendLine = later(() =>
  z.object({
    day: z.string().optional(),
    model: ModelRef.optional(),
    /** left out, like `key`, where a run had none */
    tenant: z.string().optional(),
    key: z.string().optional(),
    pattern: z.string().optional(),
    ...sums(),
  }),
);
export type SpendLine = z.infer<typeof SpendLine>;

/** What was spent, by what was asked for. Days without calls have no line. */
export const Spend = later(() =>
  z.object({
    from: z.string(),
    to: z.string(),
    timeZone: z.string(),
    by: z.array(SpendDimension),
    total: z.object(sums()),
    /** days in order, in a day what cost most first */
    lines: z.array(SpendLine),
    /** lines that are left out, as they cost least */
    leftOut: z.number().int().optional(),
  }),
);
export type Spend = z.infer<typeof Spend>;

function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}
