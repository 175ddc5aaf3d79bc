import type { Comparison, PolicyRef, Rubric } from '../../contract/index.ts';

/** What a mode of judging is given: texts that differ, in an order that does not depend on who gave them. */
export interface Judging {
  question: string;
  policy: PolicyRef;
  rubric: Rubric;
  /** the step's */
  id: string;
  texts: string[];
  /** number of an answer with this text */
  numberOf: (text: string) => number;
}

/** What it gives back: a mark for each text. */
export interface Judgement {
  marks: { score: number; reason: string; criteria?: Record<string, number> }[];
  reason: (best: number) => string;
  comparisons?: Comparison[];
}
