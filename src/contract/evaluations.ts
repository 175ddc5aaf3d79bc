import { z } from 'zod';
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
