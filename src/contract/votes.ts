import { z } from 'zod';
import { later } from './later.ts';
import { Message } from './messages.ts';
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

export const VotedRunsQuery = later(() =>
  z.object({
    /** how far back they may have begun */
    hours: z.number().positive().default(720),
    limit: z.number().int().min(1).max(1_000).default(200),
  }),
);
export type VotedRunsQuery = z.input<typeof VotedRunsQuery>;

/** A comparison that people voted on: what was asked, and the answer most of them found best. */
export const VotedRun = later(() =>
  z.object({
    run: z.string(),
    prompt: z.string().optional(),
    messages: z.array(Message).optional(),
    system: z.string().optional(),
    expected: z.string(),
    model: ModelRef,
  }),
);
export type VotedRun = z.infer<typeof VotedRun>;
