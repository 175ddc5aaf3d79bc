import { z } from 'zod';
import { CallError } from '../errors.ts';
import { later } from '../later.ts';
import { ModelRef } from '../models.ts';
import { PolicyRef } from '../policy.ts';
import { ComparedAnswer } from './compare.ts';
import { MergedAnswer } from './merged.ts';

export const CouncilInput = later(() =>
  z
    .strictObject({
      prompt: z.string().min(1),
      system: z.string().optional(),
      /** models that answer, and rank each other's answers */
      members: z.array(ModelRef).min(2, 'A council needs at least two members').max(16),
      /** policy or model that writes the final answer; where it cannot, the members do, best ranked first */
      chairman: PolicyRef,
      /** policy for each of the members; its candidates are replaced by the one member */
      policy: PolicyRef.optional(),
    })
    .refine((input) => new Set(input.members).size === input.members.length, {
      message: 'Name each member once',
      path: ['members'],
    }),
);
export type CouncilInput = z.infer<typeof CouncilInput>;

/** The place a member gave to an answer, 1 the best; answers it found equal share the mean of their places. */
const Place = later(() =>
  z.object({
    /** number of the answer's author among the members, from 1 */
    answer: z.number().int().positive(),
    model: ModelRef,
    rank: z.number().positive(),
    comment: z.string(),
  }),
);

/** How one member ranked all answers, its own among them, or why it could not. */
export const Ranking = later(() =>
  z.union([z.object({ member: ModelRef, places: z.array(Place) }), z.object({ member: ModelRef, error: CallError })]),
);
export type Ranking = z.infer<typeof Ranking>;

/** An answer's mean rank over the members that ranked (`rankings` of them). */
export const Standing = later(() =>
  Place.omit({ rank: true, comment: true }).extend({
    meanRank: z.number().positive(),
    rankings: z.number().int(),
  }),
);
export type Standing = z.infer<typeof Standing>;

export const CouncilResult = later(() =>
  z.object({
    /** in the order of the members */
    answers: z.array(ComparedAnswer),
    /** of the members that answered, in their order; empty where only one did */
    rankings: z.array(Ranking),
    /** best mean rank first; empty where nobody ranked */
    standings: z.array(Standing),
    /** members that did not answer */
    absent: z.array(ModelRef),
    final: MergedAnswer,
  }),
);
export type CouncilResult = z.infer<typeof CouncilResult>;
