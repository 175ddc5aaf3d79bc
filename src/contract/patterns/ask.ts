import { z } from 'zod';
import { Answer, JsonSchema } from '../models.ts';
import { PolicyRef } from '../policy.ts';
import { ONE_QUESTION, oneQuestion, question } from './question.ts';

export const AskInput = z
  .strictObject({ ...question, policy: PolicyRef.optional(), schema: JsonSchema.optional() })
  .refine(oneQuestion, ONE_QUESTION);
export type AskInput = z.infer<typeof AskInput>;

export const AskResult = Answer;
export type AskResult = z.infer<typeof AskResult>;
