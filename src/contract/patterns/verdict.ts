import { z } from 'zod';
import { later } from '../later.ts';
import { ModelRef } from '../models.ts';

/** One thing an answer is scored for; `weight` is its share in the score, 1 where it is left out. */
export const Criterion = later(() =>
  z.strictObject({
    name: z.string().regex(/^[\w -]{1,40}$/, 'The name of a criterion is at most 40 letters, digits, spaces, _ and -'),
    description: z.string().optional(),
    weight: z.number().positive().optional(),
  }),
);
export type Criterion = z.infer<typeof Criterion>;

/** What makes an answer good: in words, or criterion by criterion. */
export const Rubric = later(() =>
  z.union([
    z.string().min(1),
    z
      .array(Criterion)
      .min(1)
      .max(12)
      .refine(
        (criteria) => new Set(criteria.map(({ name }) => name)).size === criteria.length,
        'Name each criterion once',
      ),
  ]),
);
export type Rubric = z.infer<typeof Rubric>;

/** `scores`: one call scores all answers. `pairwise`: every two answers are compared twice, in both orders. */
export const JudgeMode = later(() => z.enum(['scores', 'pairwise']));
export type JudgeMode = z.infer<typeof JudgeMode>;

/** How answers are judged; patterns with a judge spread these into their input. */
export const judging = () => ({ rubric: Rubric.optional(), judgeMode: JudgeMode.optional() });

/** Number of an answer among those that were judged, from 1: several may come from one model. */
const AnswerNumber = later(() => z.number().int().positive());

/** Two answers side by side, asked in both orders. */
export const Comparison = later(() =>
  z.object({
    answers: z.tuple([AnswerNumber, AnswerNumber]),
    /** null: a tie */
    winner: AnswerNumber.nullable(),
    /** false: the judge chose differently when the order was swapped, which counts as a tie */
    consistent: z.boolean(),
    /** of the first order, and of the swapped one */
    reasons: z.tuple([z.string(), z.string()]),
  }),
);
export type Comparison = z.infer<typeof Comparison>;

/** What a judge says of answers: a score (0..1) and a reason each, and the model it found best. */
export const Verdict = later(() =>
  z.object({
    best: ModelRef,
    bestAnswer: AnswerNumber,
    reason: z.string(),
    scores: z.array(
      z.object({
        answer: AnswerNumber,
        model: ModelRef,
        score: z.number().min(0).max(1),
        reason: z.string(),
        /** 0..1 by criterion, where the rubric has criteria */
        criteria: z.record(z.string(), z.number()).optional(),
      }),
    ),
    mode: JudgeMode,
    /** answers that share the best score, where there are several: then `best` is one of them, the same in any order */
    tied: z.array(AnswerNumber).optional(),
    comparisons: z.array(Comparison).optional(),
  }),
);
export type Verdict = z.infer<typeof Verdict>;
