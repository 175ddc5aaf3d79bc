import { z } from 'zod';
import { later } from './later.ts';
import { ModelRef } from './models.ts';
import { judging } from './patterns/verdict.ts';
import { PolicyRef } from './policy.ts';
import { KeyName, RunId } from './runs.ts';

/** What the step a fork begins at is asked otherwise; later steps only see what became of it. */
export const ForkOverrides = later(() =>
  z.strictObject({
    policy: PolicyRef.optional(),
    /** instead of the step's own prompt, or of the last message it asks with */
    prompt: z.string().min(1).optional(),
  }),
);
export type ForkOverrides = z.infer<typeof ForkOverrides>;

/** What of a comparison's input a fork may have otherwise: what is asked of the answers, and which of them. */
const ComparedOtherwise = later(() =>
  z.strictObject({
    models: z.array(ModelRef).min(1).max(32).optional(),
    judge: PolicyRef.optional(),
    ...judging(),
    merge: PolicyRef.optional(),
  }),
);

export const ForkRun = later(() =>
  z.strictObject({
    /** id of the step from which on everything is asked anew; left out, only what `overrides.input` changes is */
    fromStep: z.string().min(1).optional(),
    /** of `fromStep`: everything else that is asked as before has its answer for free, also what began later */
    only: z.boolean().optional(),
    /** `policy` and `prompt` are for `fromStep`, `input` for a whole `compare` */
    overrides: ForkOverrides.extend({ input: ComparedOtherwise.optional() }).optional(),
    /** only say what it would cost */
    dryRun: z.boolean().optional(),
    /** of the new run; left out, `<id>-fork-<n>` */
    id: RunId.optional(),
    /** name of the API key that pays for the new run; left out, the old run's */
    key: KeyName.optional(),
  }),
);
export type ForkRun = z.infer<typeof ForkRun>;

/** USD; null where the price of a model is not known, or what a step will use: it has no answer yet, or was not begun. What it will cost is likely to lie from low to high. */
const money = {
  estimateUsd: z.number().nullable(),
  lowUsd: z.number().nullable(),
  highUsd: z.number().nullable(),
};

/** What a fork would cost, by what the old run used. */
export const ForkEstimate = later(() =>
  z.object({
    ...money,
    steps: z.array(z.object({ step: z.string(), model: ModelRef, ...money })),
  }),
);
export type ForkEstimate = z.infer<typeof ForkEstimate>;

/** Where a call's answer may already be: in the journal of the run it is a fork of, by its chain or its id. */
export const ForkSource = later(() => z.union([z.object({ chain: z.string() }), z.object({ run: z.string() })]));
export type ForkSource = z.infer<typeof ForkSource>;

/** The memo by which a run knows that it is a fork. */
export const FORK_MEMO = 'cadenzaFork';

/** What that memo says. */
export const Fork = later(() =>
  z.object({
    from: ForkSource,
    /** id of the old run: runs of its steps are named after it */
    run: z.string(),
    /** steps that are taken from the old run */
    before: z.union([z.literal('all'), z.array(z.string())]),
    /** by step; those of a fork of a fork hold those of the first */
    overrides: z.record(z.string(), ForkOverrides).optional(),
  }),
);
export type Fork = z.infer<typeof Fork>;
