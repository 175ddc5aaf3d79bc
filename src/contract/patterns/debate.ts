import { z } from 'zod';
import { CallError } from '../errors.ts';
import { later } from '../later.ts';
import { Answer, ModelRef, Usage } from '../models.ts';
import { PolicyRef } from '../policy.ts';

/** Rounds of a debate where its input does not say. */
export const DEFAULT_ROUNDS = 3;

/** Names of steps that mark what is said. */
const RESERVED = ['judge', 'rank', 'guardrail'];

const Debater = later(() =>
  z
    .strictObject({
      /** what readers know it by, default its letter: A, B, C, ... The others only ever see the letter */
      name: z
        .string()
        .regex(
          /^[\p{L}\p{N}][\p{L}\p{N} '_.-]{0,39}$/u,
          "A debater's name is at most 40 letters, digits, spaces, ' _ . -",
        )
        .refine((name) => !RESERVED.includes(name), 'A debater cannot be called so: steps of the debate are')
        .optional(),
      /** who speaks for it: one model, with the debate's `policy` for the rest; or a policy of its own */
      model: ModelRef.optional(),
      policy: PolicyRef.optional(),
      /** `for` or `against` what is proposed, `devil's advocate` against whatever the others lean to, or in your own words */
      role: z.string().min(1).max(2_000).optional(),
    })
    .refine(({ model, policy }) => model === undefined || policy === undefined, {
      message: 'Give either model or policy',
      path: ['model'],
    }),
);
export type Debater = z.infer<typeof Debater>;

export const DebateInput = later(() =>
  z
    .strictObject({
      question: z.string().min(1),
      debaters: z.array(Debater).min(2, 'A debate needs at least two debaters').max(16),
      /** most rounds, default 3; it ends earlier once all agree */
      rounds: z.number().int().min(1).max(10).optional(),
      /** policy or model that decides, and writes the final answer; left out, the debaters vote */
      judge: PolicyRef.optional(),
      /** what the judge looks for */
      rubric: z.string().min(1).optional(),
      /** when they agree: once their positions say the same in the same `words`; also where the `judge` finds no difference
       *  in substance (the default with a judge); or `never`, so that all rounds are held */
      agreement: z.enum(['words', 'judge', 'never']).optional(),
      /** policy of debaters that have none; a debater's `model` replaces its candidates */
      policy: PolicyRef.optional(),
    })
    .refine(({ agreement, judge }) => agreement !== 'judge' || judge !== undefined, {
      message: 'Only a debate with a judge can ask it whether the debaters agree',
      path: ['agreement'],
    })
    .superRefine(({ debaters }, context) => {
      const names = debaters.map(({ name }, index) => name ?? letter(index));
      for (const [index, name] of names.entries())
        if (names.indexOf(name) < index)
          context.addIssue({
            code: 'custom',
            path: ['debaters', index, 'name'],
            message: `Two debaters are called "${name}"`,
          });
    }),
);
export type DebateInput = z.infer<typeof DebateInput>;

function letter(index: number): string {
  return String.fromCharCode(65 + index);
}

/** What one debater said in one round. */
export const DebateTurn = later(() =>
  z.object({
    round: z.number().int().positive(),
    /** its name */
    speaker: z.string(),
    /** how the others and the judge know it */
    letter: z.string(),
    role: z.string().optional(),
    model: ModelRef,
    /** its answer to the question in one line, as it saw it after this round's argument */
    position: z.string(),
    /** its argument */
    text: z.string(),
    usage: Usage,
    costUsd: z.number().nonnegative().nullable(),
  }),
);
export type DebateTurn = z.infer<typeof DebateTurn>;

/** Where the debaters stand after a round, as the event `verdict` has it. */
export const DebateRound = later(() =>
  z.object({
    round: z.number().int(),
    positions: z.array(z.object({ speaker: z.string(), position: z.string() })),
    /** share (0..1) of those that count who hold what most of them hold, in the same words */
    agreement: z.number(),
    agreed: z.boolean(),
    /** why they do or do not, where the judge was asked */
    reason: z.string().optional(),
  }),
);
export type DebateRound = z.infer<typeof DebateRound>;

/** Which position won, and how. */
export const DebateVerdict = later(() =>
  z.object({
    /** `agreement`: all hold it; `judge`; `vote`: most hold it; `ranking`: no position had most votes, and the debaters ranked
     *  each other's last words without names; `alone`: nobody else was left */
    method: z.enum(['agreement', 'judge', 'vote', 'ranking', 'alone']),
    position: z.string(),
    /** names of those who hold it at the end, in these words */
    heldBy: z.array(z.string()),
    reason: z.string().optional(),
    /** of the judge, 0..1 */
    scores: z.array(z.object({ speaker: z.string(), score: z.number(), reason: z.string() })).optional(),
    /** of the ranking, 1 is best */
    standings: z.array(z.object({ speaker: z.string(), meanRank: z.number() })).optional(),
    /** names that share first place, where there are several: then the order of the debaters decided */
    tied: z.array(z.string()).optional(),
  }),
);
export type DebateVerdict = z.infer<typeof DebateVerdict>;

export const DebateResult = later(() =>
  z.object({
    /** the debate as a document: round by round, in the order of the debaters */
    transcript: z.array(DebateTurn),
    /** rounds that were held */
    rounds: z.number().int().positive(),
    ended: z.enum(['agreed', 'rounds', 'alone']),
    verdict: DebateVerdict,
    /** debaters that did not speak in a round, and were left out from then on */
    absent: z.array(z.object({ speaker: z.string(), round: z.number().int(), error: CallError })),
    final: Answer,
  }),
);
export type DebateResult = z.infer<typeof DebateResult>;
