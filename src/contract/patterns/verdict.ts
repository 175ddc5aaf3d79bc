import { z } from 'zod';
import { ModelRef } from '../models.ts';

/** What a judge says of answers: a score (0..1) and a reason each, and the model it found best. */
export const Verdict = z.object({
  best: ModelRef,
  reason: z.string(),
  scores: z.array(z.object({ model: ModelRef, score: z.number().min(0).max(1), reason: z.string() })),
});
export type Verdict = z.infer<typeof Verdict>;
