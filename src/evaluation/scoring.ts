import { z } from 'zod';
import type { Cadenza } from '../client/cadenza.ts';
import type { CallError } from '../contract/index.ts';
import type { MapsOptions } from './follow-maps.ts';
import type { Purse } from './purse.ts';
import type { Scored } from './text-scores.ts';
import type { RunNames } from './variants.ts';

/** An answer with all that scorers may look at. */
export interface Answered {
  variant: string;
  /** from 1 */
  row: number;
  item: unknown;
  repeat: number;
  /** the map it is a row of */
  run: string;
  /** what the row was asked */
  question: string;
  /** the pattern's result; absent where there is an error */
  result?: unknown;
  error?: CallError;
  costUsd: number | null;
  latencyMs: number | null;
}

/** Scores of answers by one scorer, in their order; undefined where it cannot be told (a price, or a time, that is not known). */
export type Scores = (Scored | undefined)[];

/** What scorers need of the world. */
export interface ScoringRooms {
  client: Cadenza;
  names: RunNames;
  purse: Purse;
  /** of the runs scorers start */
  runs: MapsOptions;
  concurrency: number;
  /** where the user's modules lie */
  folder: string;
  /** the caller's own, by the scorer's name */
  functions: Record<string, ScoreFunction>;
}

/** What a function of the user's may give. */
export const FunctionScore = z.union([
  z.number().min(0).max(1),
  z.boolean().transform(Number),
  z.object({
    score: z.union([z.number().min(0).max(1), z.boolean().transform(Number)]),
    reason: z.string().optional(),
  }),
]);
type FunctionScore = z.input<typeof FunctionScore>;

/** What it is given: an answer, its text, and the row it is of. */
export type GivenToFunction = Answered & { text: string };

/** A score from 0 to 1, or true and false, with a reason if there is one. */
export type ScoreFunction = (answer: GivenToFunction) => FunctionScore | Promise<FunctionScore>;
