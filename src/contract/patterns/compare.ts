import { z } from 'zod';
import { CallError } from '../errors.ts';
import { later } from '../later.ts';
import { Answer, JsonSchema, ModelRef } from '../models.ts';
import { PolicyRef } from '../policy.ts';
import { MergedAnswer } from './merged.ts';
import { ONE_QUESTION, oneQuestion, question } from './question.ts';
import { judging, Verdict } from './verdict.ts';

/** The Signal that stops one step of a comparison or conversation: its answer becomes the error `Cancelled`. */
export const STOP_STEP = 'stopStep';

export const CompareInput = later(() =>
  z
    .strictObject({
      ...question(),
      models: z.array(ModelRef).min(1).max(32),
      /** policy for each of the models; its candidates are replaced by the one model */
      policy: PolicyRef.optional(),
      schema: JsonSchema.optional(),
      /** policy or model that says which answer is best */
      judge: PolicyRef.optional(),
      ...judging(),
      /** policy or model that makes one answer of all */
      merge: PolicyRef.optional(),
    })
    .refine(oneQuestion, { ...ONE_QUESTION })
    .refine((input) => new Set(input.models).size === input.models.length, {
      message: 'Name each model once',
      path: ['models'],
    }),
);
export type CompareInput = z.infer<typeof CompareInput>;

const TimedAnswer = later(() => Answer.extend({ firstTokenMs: z.number().optional(), totalMs: z.number().optional() }));
export const ComparedAnswer = later(() => z.union([TimedAnswer, z.object({ model: ModelRef, error: CallError })]));
export type ComparedAnswer = z.infer<typeof ComparedAnswer>;

export const CompareResult = later(() =>
  z.object({
    answers: z.array(ComparedAnswer),
    /** the judge's choice, else the first in the order of the models */
    best: Answer.optional(),
    verdict: Verdict.optional(),
    merged: MergedAnswer.optional(),
  }),
);
export type CompareResult = z.infer<typeof CompareResult>;
