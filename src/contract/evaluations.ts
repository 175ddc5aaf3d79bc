import { z } from 'zod';
import { CallError } from './errors.ts';
import { later } from './later.ts';
import { JsonSchema, ModelRef } from './models.ts';
import { Rubric } from './patterns/verdict.ts';
import { PolicyRef } from './policy.ts';
import { VotedRunsQuery } from './votes.ts';

/** Most rows of an evaluation: they are held in memory, with what became of each. */
export const MOST_EVALUATED_ROWS = 10_000;

const Share = () => z.number().min(0).max(1);
const Name = () =>
  z.string().regex(/^[\w][\w. -]{0,63}$/, 'A name is at most 64 letters, digits, spaces and . _ -, beginning with one');
export const BaselineName = later(Name);

/** Text, or what the row has there: `{{item.x}}` and nothing else becomes the value itself. */
const Expected = () => z.union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number()]))]);

/** What every scorer may say of itself. */
const scorer = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.strictObject({
    type: z.literal(type),
    /** else its type */
    name: Name().optional(),
    /** its share in a row's score, default 1; 0: measured and told only */
    weight: z.number().nonnegative().optional(),
    /** a row passes from this score on; default 1 where a score is 0 or 1, else as its type says */
    threshold: Share().optional(),
    /** what is scored: a path in the pattern's result (`final.text`); left out, its text */
    of: z.string().min(1).optional(),
    ...shape,
  });

/** How an answer is scored, 0 to 1. */
export const EvaluationScorer = later(() =>
  z.discriminatedUnion('type', [
    /** the same as expected, but for case, punctuation and how numbers are written; `strict`: character by character */
    scorer('exact', { expected: Expected().default('{{item.expected}}'), strict: z.boolean().optional() }),
    /** what was expected is in it; of a list all, or `any` */
    scorer('contains', {
      expected: Expected().default('{{item.expected}}'),
      any: z.boolean().optional(),
      strict: z.boolean().optional(),
    }),
    /** a JavaScript regular expression matches; `not`: it does not */
    scorer('regex', { pattern: z.string().min(1), flags: z.string().optional(), not: z.boolean().optional() }),
    /** it is JSON that fits the schema */
    scorer('schema', { schema: JsonSchema }),
    /** it is JSON equal to what was expected; `subset`: it may have more fields */
    scorer('json', { expected: z.unknown().default('{{item.expected}}'), subset: z.boolean().optional() }),
    /** its last number is the expected one, give or take `tolerance`, or `relative` times the expected one */
    scorer('number', {
      expected: Expected().default('{{item.expected}}'),
      tolerance: z.number().nonnegative().optional(),
      relative: z.number().nonnegative().optional(),
    }),
    /** cosine of the vectors of answer and expected text, below 0 counted as 0. Passes from 0.75 on */
    scorer('similarity', { expected: z.string().default('{{item.expected}}'), model: ModelRef.optional() }),
    /** a model scores it by a rubric. Passes from 0.5 on */
    scorer('judge', {
      rubric: Rubric,
      policy: PolicyRef,
      /** what was asked, as the judge is told it; left out, what the row was asked with the variant's own words */
      question: z.string().min(1).optional(),
      /** a good answer the judge is shown */
      expected: z.string().optional(),
    }),
    /** a function of the user's, run in this process. Passes from 0.5 on */
    scorer('function', {
      /** an ES module, beside the evaluation's file; left out, one that the caller gives under the scorer's name */
      file: z.string().min(1).optional(),
      /** which of its exports */
      export: z.string().min(1).default('default'),
    }),
    /** it cost so much or less, USD */
    scorer('cost', { maxUsd: z.number().positive() }),
    /** it took so long or less, ms */
    scorer('latency', { maxMs: z.number().positive() }),
  ]),
);
export type EvaluationScorer = z.infer<typeof EvaluationScorer>;

/** Scorers that need nothing said but their type. */
const SHORT = ['exact', 'contains', 'json', 'number', 'similarity'] as const;

/** What is asked in one way: of several they stand side by side. */
const Asked = () => ({
  /** default `ask` */
  pattern: z.string().min(1).optional(),
  /** the pattern's input over `{{item.x}}`, as a map has it; that of a variant is laid over the evaluation's, field by field */
  input: z.unknown().optional(),
  /** of rows whose input names none */
  policy: PolicyRef.optional(),
});

/** Rows from past comparisons that a person voted on: `prompt` or `messages`, `system`, `expected` (the answer that was
 *  voted best), `model` (whose it was), `run`. */
export const PastRows = later(() => VotedRunsQuery.extend({ from: z.literal('runs') }).strict());
export type PastRows = z.infer<typeof PastRows>;

/** Whose results are to be held against. */
const NotWorseThan = () =>
  z.union([z.strictObject({ variant: Name() }), z.strictObject({ baseline: z.string().min(1) })]);

/** What an evaluation has to reach. */
export const EvaluationGate = later(() =>
  z.strictObject({
    /** mean score of the rows, at least */
    minScore: Share().optional(),
    /** share of rows that pass all scorers, at least */
    minPassRate: Share().optional(),
    /** mean score by scorer, at least */
    scorers: z.record(z.string(), Share()).optional(),
    /** mean of a row, at most */
    maxCostUsd: z.number().positive().optional(),
    maxLatencyMs: z.number().positive().optional(),
    /** `low`: the lower end of its confidence interval has to reach a minimum, and not only the mean. Default `mean` */
    by: z.enum(['mean', 'low']).optional(),
    /** rows that may end without an answer, default 0 */
    maxFailed: z.number().int().nonnegative().optional(),
    /** not worse, beyond the confidence interval of the difference, than another variant or a kept baseline */
    notWorseThan: NotWorseThan().optional(),
    /** makes it stricter: shown to be no more than so much worse, so that too few rows do not pass either */
    margin: Share().optional(),
    /** of these variants alone; left out, of all that are not compared with */
    variants: z.array(Name()).min(1).optional(),
  }),
);
export type EvaluationGate = z.infer<typeof EvaluationGate>;

/** What is asked, of what, and how answers are scored: an evaluation as a YAML or JSON file has it. */
export const EvaluationDefinition = later(() =>
  z
    .strictObject({
      name: Name(),
      ...Asked(),
      /** the rows: a JSONL or CSV file beside this one, themselves, or past runs */
      data: z.union([z.string().min(1), z.array(z.unknown()).min(1).max(MOST_EVALUATED_ROWS), PastRows]),
      variants: z
        .record(Name(), z.strictObject(Asked()))
        .refine((variants) => Object.keys(variants).length > 0, 'Name at least one variant')
        .optional(),
      scorers: z
        .array(z.union([z.enum(SHORT).transform((type) => EvaluationScorer.parse({ type })), EvaluationScorer]))
        .min(1, 'An evaluation needs a scorer'),
      /** how often each row is asked, each time anew */
      repeats: z.number().int().min(1).max(50).default(1),
      /** rows asked at once, all variants together; default 16 */
      concurrency: z.number().int().min(1).max(256).optional(),
      /** most USD all its runs together may spend */
      budgetUsd: z.number().positive().optional(),
      /** of intervals, default 0.95 */
      confidence: z.number().min(0.5).max(0.999).default(0.95),
      gate: EvaluationGate.optional(),
    })
    .superRefine(({ scorers, gate, variants = {} }, context) => {
      const names = scorers.map(nameOfScorer);
      const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
      if (twice !== -1) {
        const message = `Two scorers are called "${names[twice]}": give one a name`;
        context.addIssue({ code: 'custom', path: ['scorers', twice, 'name'], message });
      }
      const unknown = Object.keys(gate?.scorers ?? {}).find((name) => !names.includes(name));
      if (unknown !== undefined) {
        const message = `There is no scorer "${unknown}". Known: ${names.join(', ')}`;
        context.addIssue({ code: 'custom', path: ['gate', 'scorers', unknown], message });
      }
      const known = Object.keys(variants);
      const than = gate?.notWorseThan;
      const named = [...(gate?.variants ?? []), ...(than && 'variant' in than ? [than.variant] : [])];
      const stranger = named.find((name) => !known.includes(name));
      if (stranger !== undefined) {
        const message = `There is no variant "${stranger}". Known: ${known.join(', ') || 'none'}`;
        context.addIssue({ code: 'custom', path: ['gate'], message });
      }
    }),
);
export type EvaluationDefinition = z.infer<typeof EvaluationDefinition>;
/** As a person gives it. */
export type EvaluationInput = z.input<typeof EvaluationDefinition>;

export function nameOfScorer({ name, type }: EvaluationScorer): string {
  return name ?? type;
}

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
    score: Share(),
    /** share of the repeats that passed all scorers */
    passed: Share(),
    scores: z.record(z.string(), Share()),
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
    scores: z.record(z.string(), z.object({ score: Share(), reason: z.string().optional() })),
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
    worseRows: z.array(z.object({ row: z.number().int(), key: z.string(), before: Share(), now: Share() })),
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
