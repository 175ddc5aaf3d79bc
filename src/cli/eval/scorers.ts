import { z } from 'zod';
import { normalised } from '../../workflows/steps/normalise.ts';

/** How an answer is held against what was expected. */
export const Scorer = z.enum(['exact', 'contains', 'number']);
export type Scorer = z.infer<typeof Scorer>;

/**
 * 1 if the answer is right, else 0.
 * - `exact`: the same but for case, punctuation and how numbers are written
 * - `contains`: what was expected is in it
 * - `number`: its last number is the expected one
 */
export function scored(answer: string, expected: string, scorer: Scorer = 'exact'): number {
  switch (scorer) {
    case 'exact':
      return Number(normalised(answer) === normalised(expected));
    case 'contains':
      return Number(normalised(answer).includes(normalised(expected)));
    case 'number':
      return Number(lastNumber(answer) !== undefined && lastNumber(answer) === lastNumber(expected));
  }
}

function lastNumber(text: string): number | undefined {
  const numbers = normalised(text).match(/-?\d+(?:\.\d+)?/g);
  return numbers ? Number(numbers.at(-1)) : undefined;
}
