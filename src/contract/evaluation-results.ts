import { z } from 'zod';
import { CallError } from './errors.ts';
import { later } from './later.ts';

const Score = () => z.number().min(0).max(1);

/** A mean with its confidence interval. */
export const Estimate = later(() =>
  z.object({
    mean: z.number(),
    low: z.number(),
    high: z.number(),
    /** rows it is of */
    rows: z.number().int(),
  }),
);
export type Estimate = z.infer<typeof Estimate>;

/** A row's answers in one variant, scored: means over its repeats. */
const ScoredRow = () =>
  z.object({
    /** hash of the row: the same row of another evaluation has the same */
    key: z.string(),
    /** weighted mean of the scorers, 0 where there was no answer */
    score: Score(),
    /** share of the repeats that passed all scorers */
    passed: Score(),
    scores: z.record(z.string(), Score()),
    /** of one repeat, as if no cache had answered; null where a price is not known */
    costUsd: z.number().nullable(),
    /** of one repeat; null where all came from the cache */
    latencyMs: z.number().nullable(),
  });

/** What is kept of an evaluation for later ones: scores by row, and nothing of what rows and answers say. */
export const Baseline = later(() =>
  z.object({
    kind: z.literal('cadenza-baseline'),
    version: z.literal(1),
    evaluation: z.string(),
    savedAt: z.string(),
    variants: z.record(
      z.string(),
      z.object({
        promptHash: z.string(),
        models: z.array(z.string()),
        rows: z.array(ScoredRow()),
      }),
    ),
  }),
);
export type Baseline = z.infer<typeof Baseline>;

/** One answer of a row. */
const EvaluatedAnswer = () =>
  z.object({
    repeat: z.number().int(),
    /** the map it is a row of */
    run: z.string(),
    text: z.string(),
    error: CallError.optional(),
    scores: z.record(z.string(), z.object({ score: Score(), reason: z.string().optional() })),
    costUsd: z.number().nullable(),
    latencyMs: z.number().nullable(),
  });

/** A row in one variant, with its answers. */
export const EvaluatedRow = later(() =>
  ScoredRow().extend({
    /** from 1 */
    row: z.number().int(),
    item: z.unknown(),
    answers: z.array(EvaluatedAnswer()),
  }),
);
export type EvaluatedRow = z.infer<typeof EvaluatedRow>;

export const EvaluatedVariant = later(() =>
  z.object({
    variant: z.string(),
    pattern: z.string(),
    /** of what it asks with: see `promptHash` */
    promptHash: z.string(),
    /** a map for each repeat */
    runs: z.array(z.string()),
    /** that answered, over all rows */
    models: z.array(z.string()),
    /** answers that failed */
    failed: z.number().int(),
    score: Estimate,
    passRate: Estimate,
    scorers: z.record(z.string(), Estimate),
    costUsd: Estimate.nullable(),
    latencyMs: Estimate.nullable(),
    rows: z.array(EvaluatedRow),
  }),
);
export type EvaluatedVariant = z.infer<typeof EvaluatedVariant>;

/** A variant beside another, or beside a baseline, row by row. */
export const VariantComparison = later(() =>
  z.object({
    variant: z.string(),
    /** as people read it: `variant terse`, `baseline main` */
    against: z.string(),
    /** rows both have */
    rows: z.number().int(),
    better: z.number().int(),
    worse: z.number().int(),
    /** mean difference of scores, and of each scorer; above 0 the variant is better */
    score: Estimate,
    scorers: z.record(z.string(), Estimate),
    /** two-sided exact p of McNemar's test on rows that pass here and fail there; absent with repeats */
    pValue: z.number().optional(),
    /** of a row, USD and ms; above 0 the variant is dearer, or slower */
    costUsd: Estimate.nullable(),
    latencyMs: Estimate.nullable(),
    /** rows whose score fell, most first */
    worseRows: z.array(z.object({ row: z.number().int(), key: z.string(), before: Score(), now: Score() })),
  }),
);
export type VariantComparison = z.infer<typeof VariantComparison>;

/** Whether an evaluation reached what it has to, and each reason why not. */
export const GateOutcome = later(() => z.object({ passed: z.boolean(), reasons: z.array(z.string()) }));
export type GateOutcome = z.infer<typeof GateOutcome>;

/** What became of an evaluation. */
export const EvaluationReport = later(() =>
  z.object({
    evaluation: z.string(),
    rows: z.number().int(),
    repeats: z.number().int(),
    confidence: z.number(),
    /** of all its runs, judges included, as billed */
    spentUsd: z.number(),
    variants: z.array(EvaluatedVariant),
    comparisons: z.array(VariantComparison),
    gate: GateOutcome.optional(),
  }),
);
export type EvaluationReport = z.infer<typeof EvaluationReport>;
