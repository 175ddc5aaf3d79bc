import { z } from 'zod';
import { Citation, CollectionName } from '../documents.ts';
import { later } from '../later.ts';
import { Answer } from '../models.ts';
import { PolicyRef } from '../policy.ts';

export const AnswerInput = later(() =>
  z.strictObject({
    collection: CollectionName,
    question: z.string().min(1).max(20_000),
    policy: PolicyRef.optional(),
    /** beside the rules of citing */
    system: z.string().optional(),
    /** passages the model is given, default 8 */
    limit: z.number().int().min(1).max(40).optional(),
    /** policy or model that puts more passages in order first, and leaves out what does not help */
    rerank: PolicyRef.optional(),
  }),
);
export type AnswerInput = z.infer<typeof AnswerInput>;

/** `[1]` in the text is the first citation. */
export const AnswerResult = later(() =>
  Answer.extend({
    /** false: the documents do not say, and the text says no more than that */
    found: z.boolean(),
    citations: z.array(Citation),
  }),
);
export type AnswerResult = z.infer<typeof AnswerResult>;
