import { z } from 'zod';
import { later } from '../later.ts';

/**
 * A yes or no over what a chain has so far, in JSON: a test of one value, or tests joined by `and`, `or` and `not`.
 * `{ "value": "{{steps.review.object.score}}", "gte": 0.7 }`. Several tests of one value must all hold.
 */
export const Condition = later(() =>
  z.strictObject({
    /** what is tested: a template, or any JSON with templates in it */
    value: z.unknown().optional(),
    /** the same value (objects and lists by their content) */
    equals: z.unknown().optional(),
    /** one of these */
    in: z.array(z.unknown()).optional(),
    gt: z.number().optional(),
    gte: z.number().optional(),
    lt: z.number().optional(),
    lte: z.number().optional(),
    /** the whole text looks like this, `*` standing for anything; upper and lower case are the same */
    matches: z.string().optional(),
    /** a text has this in it (upper and lower case are the same), or a list has this member */
    contains: z.string().optional(),
    /** there is such a value, and it is not empty text */
    exists: z.boolean().optional(),
    get and(): z.ZodOptional<z.ZodArray<typeof Condition>> {
      return z.array(Condition).min(1).optional();
    },
    get or(): z.ZodOptional<z.ZodArray<typeof Condition>> {
      return z.array(Condition).min(1).optional();
    },
    get not(): z.ZodOptional<typeof Condition> {
      return Condition.optional();
    },
  }),
);
export type Condition = z.infer<typeof Condition>;

const TESTS = ['equals', 'in', 'gt', 'gte', 'lt', 'lte', 'matches', 'contains', 'exists'] as const;
const FORMS = ['value', 'and', 'or', 'not'] as const;

/** What zod cannot say of a condition: that it is one thing, and tests something. */
export function conditionProblem(
  condition: Condition,
  path: PropertyKey[],
): { path: PropertyKey[]; message: string } | undefined {
  const forms = FORMS.filter((form) => condition[form] !== undefined);
  const tests = TESTS.filter((test) => condition[test] !== undefined);
  if (forms.length !== 1) return { path, message: 'a condition is one of value (with a test), and, or, not' };
  if (forms[0] !== 'value') {
    if (tests.length > 0) return { path: [...path, tests[0]!], message: `"${tests[0]}" needs a value to test` };
    const inner: [PropertyKey[], Condition][] = condition.not
      ? [[[...path, 'not'], condition.not]]
      : (condition.and ?? condition.or)!.map((each, index) => [[...path, forms[0]!, index], each]);
    return inner.map(([at, each]) => conditionProblem(each, at)).find((problem) => problem !== undefined);
  }
  return tests.length === 0 ? { path, message: `a value is tested by one of ${TESTS.join(', ')}` } : undefined;
}

const SIGNS: Record<(typeof TESTS)[number], string> = {
  ...{ equals: 'is', in: 'is one of', gt: '>', gte: '>=', lt: '<', lte: '<=' },
  ...{ matches: 'looks like', contains: 'contains', exists: 'exists:' },
};

/** A condition in words: `steps.review.object.score >= 0.7`. */
export function conditionText(condition: Condition): string {
  if (condition.not) return `not (${conditionText(condition.not)})`;
  const [word, joined] = condition.and ? ['and', condition.and] : ['or', condition.or];
  if (joined)
    return joined
      .map((each) => (each.and || each.or ? `(${conditionText(each)})` : conditionText(each)))
      .join(` ${word} `);
  const value = plain(condition.value).replaceAll(/\{\{\s*(.*?)\s*\}\}/g, '$1');
  const tests = TESTS.filter((test) => condition[test] !== undefined);
  return `${value} ${tests.map((test) => `${SIGNS[test]} ${plain(condition[test])}`).join(' and ')}`;
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
