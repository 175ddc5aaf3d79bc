import { z } from 'zod';
import { CallError } from '../errors.ts';
import { later } from '../later.ts';
import { Answer, JsonSchema, ModelRef } from '../models.ts';
import { PolicyRef } from '../policy.ts';
import { ONE_QUESTION, oneQuestion, question } from './question.ts';
import { judging, Verdict } from './verdict.ts';

export const BestOfInput = later(() =>
  z
    .strictObject({
      ...question(),
      policy: PolicyRef.optional(),
      schema: JsonSchema.optional(),
      /** how many answers to ask for */
      n: z.number().int().min(1).max(32),
      /** policy or model that says which answer is best */
      judge: PolicyRef,
      ...judging(),
    })
    .refine(oneQuestion, { ...ONE_QUESTION }),
);
export type BestOfInput = z.infer<typeof BestOfInput>;

/** One of the n answers, or why there is none. `model` is left out where the policy was given by name. */
export const Candidate = later(() => z.union([Answer, z.object({ model: ModelRef.optional(), error: CallError })]));
export type Candidate = z.infer<typeof Candidate>;

export const BestOfResult = later(() =>
  z.object({
    best: Answer,
    /** in the order they were asked for: candidate n is the answer n of the verdict */
    candidates: z.array(Candidate),
    verdict: Verdict,
  }),
);
export type BestOfResult = z.infer<typeof BestOfResult>;
