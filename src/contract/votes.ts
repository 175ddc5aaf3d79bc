import { z } from 'zod';
import { later } from './later.ts';
import { ModelRef } from './models.ts';

/** Which answer of a comparison is best, as somebody says; null takes that back. */
export const CastVote = later(() => z.strictObject({ best: ModelRef.nullable() }));
export type CastVote = z.infer<typeof CastVote>;

/** Which answers of a comparison people found best. */
export const Votes = later(() =>
  z.object({
    /** how many, by model */
    votes: z.record(z.string(), z.number().int().positive()),
    /** of who asks */
    yours: ModelRef.optional(),
  }),
);
export type Votes = z.infer<typeof Votes>;
