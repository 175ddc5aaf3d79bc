import { z } from 'zod';
import { later } from '../later.ts';
import { Answer, ModelRef } from '../models.ts';

/** How often a merged answer names an answer as the source of what it says. */
export const Source = later(() =>
  z.object({
    /** the letter by which the text names it */
    letter: z.string(),
    /** its number, from 1, among the answers that were asked for */
    answer: z.number().int().positive(),
    model: ModelRef,
    mentions: z.number().int().nonnegative(),
  }),
);
export type Source = z.infer<typeof Source>;

/** One answer made of several. Its text marks what came from whom as `[A]` or `[A, C]`, and ends with whom they mean. */
export const MergedAnswer = later(() => Answer.extend({ sources: z.array(Source) }));
export type MergedAnswer = z.infer<typeof MergedAnswer>;
