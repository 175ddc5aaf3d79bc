import { isDeepStrictEqual } from 'node:util';
import { jsonIn } from '../activities/answer-json.ts';
import { checkOutput } from '../activities/check-output.ts';
import type { JsonSchema } from '../contract/index.ts';
import { normalised } from '../workflows/steps/normalise.ts';

/** Scores of an answer's text, 0 to 1, by itself or beside what was expected. */

/** True if both say the same but for case, punctuation and how numbers are written; `strict`: character by character. */
export function isText(answer: string, expected: string, strict = false): boolean {
  return strict ? answer === expected : normalised(answer) === normalised(expected);
}

export function hasText(answer: string, expected: string, strict = false): boolean {
  return strict ? answer.includes(expected) : normalised(answer).includes(normalised(expected));
}

/** @returns undefined where the text has no number */
export function lastNumber(text: string): number | undefined {
  const numbers = normalised(text).match(/-?\d+(?:\.\d+)?/g);
  return numbers ? Number(numbers.at(-1)) : undefined;
}

/** A score with why it is not 1, where that helps. */
export interface Scored {
  score: number;
  reason?: string;
}

export function scoreExact(answer: string, expected: string, strict?: boolean): Scored {
  return isText(answer, expected, strict) ? { score: 1 } : { score: 0, reason: `expected ${JSON.stringify(expected)}` };
}

/** @param any one of what was expected is enough */
export function scoreContains(answer: string, expected: string[], any = false, strict?: boolean): Scored {
  const missing = expected.filter((text) => !hasText(answer, text, strict));
  const isRight = any ? missing.length < expected.length : missing.length === 0;
  return isRight
    ? { score: 1 }
    : { score: 0, reason: `lacks ${missing.map((text) => JSON.stringify(text)).join(', ')}` };
}

/** @param tolerance the numbers may differ by so much, or by `relative` times the expected one, whichever is more */
export function scoreNumber(answer: string, expected: number, tolerance = 0, relative = 0): Scored {
  const said = lastNumber(answer);
  if (said === undefined) return { score: 0, reason: 'has no number' };
  // Decimal fractions are not exact: 0.3 - 0.2 is within 0.1 for people.
  const allowed = Math.max(tolerance, relative * Math.abs(expected)) + Number.EPSILON * Math.abs(expected) * 4;
  return Math.abs(said - expected) <= allowed ? { score: 1 } : { score: 0, reason: `${said} instead of ${expected}` };
}

export function scoreRegex(answer: string, pattern: RegExp, not = false): Scored {
  pattern.lastIndex = 0;
  return pattern.test(answer) === not
    ? { score: 0, reason: `${not ? 'matches' : 'does not match'} ${pattern}` }
    : { score: 1 };
}

export function scoreSchema(answer: string, schema: JsonSchema): Scored {
  const checked = checkOutput(answer, schema);
  return 'invalid' in checked ? { score: 0, reason: checked.invalid } : { score: 1 };
}

/** @param subset fields that were not expected are passed over, at any depth */
export function scoreJson(answer: string, expected: unknown, subset = false): Scored {
  const said = [...jsonIn(answer)];
  if (said.length === 0) return { score: 0, reason: 'is not JSON' };
  const isRight = said.some((value) => (subset ? holds(value, expected) : isDeepStrictEqual(value, expected)));
  return isRight ? { score: 1 } : { score: 0, reason: `expected ${JSON.stringify(expected)}` };
}

function holds(value: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return isDeepStrictEqual(value, expected);
  if (typeof value !== 'object' || value === null || Array.isArray(value) !== Array.isArray(expected)) return false;
  if (Array.isArray(expected) && (value as unknown[]).length !== expected.length) return false;
  return Object.entries(expected).every(([key, field]) => holds((value as Record<string, unknown>)[key], field));
}
