import type { z } from 'zod';
import { AskInput, AskResult } from './ask.ts';
import { CompareInput, CompareResult } from './compare.ts';

/** The patterns that run from JSON alone, by their workflow type. */
export const PATTERNS = {
  ask: { input: AskInput, result: AskResult, summary: 'Ask one question of the first candidate that can answer it' },
  compare: { input: CompareInput, result: CompareResult, summary: 'Ask several models at once and keep every answer' },
} as const;

export type PatternName = keyof typeof PATTERNS;
export type PatternInput<Name extends PatternName> = z.input<(typeof PATTERNS)[Name]['input']>;
export type PatternResult<Name extends PatternName> = z.infer<(typeof PATTERNS)[Name]['result']>;

export function isPattern(name: string): name is PatternName {
  return Object.hasOwn(PATTERNS, name);
}
