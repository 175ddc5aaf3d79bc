import { z } from 'zod';
import type { RunRef } from '../calls.ts';
import { later } from '../later.ts';
import { ModelRef, Usage } from '../models.ts';

/** Texts of one run: so many OpenAI takes in one request. */
const MOST_TEXTS = 2_048;

export const EmbedInput = later(() =>
  z.strictObject({
    texts: z.array(z.string().min(1, 'An empty text has no vector')).min(1).max(MOST_TEXTS),
    /** who makes the vectors; left out, the model of the config's collections */
    model: ModelRef.optional(),
  }),
);
export type EmbedInput = z.infer<typeof EmbedInput>;

export const EmbedResult = later(() =>
  z.object({
    model: ModelRef,
    /** in the order of the texts: single-precision numbers, little-endian, as base64 */
    vectors: z.array(z.string()),
    usage: Usage,
    costUsd: z.number().nullable(),
  }),
);
export type EmbedResult = z.infer<typeof EmbedResult>;

export interface EmbedActivities {
  /** Makes vectors by one call, or returns those the same call already gave. */
  embedTexts(run: RunRef, step: string, input: EmbedInput): Promise<EmbedResult>;
}
