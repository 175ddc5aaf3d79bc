import { z } from 'zod';
import { later } from '../later.ts';

const oneOrMany = <Schema extends z.ZodType>(one: Schema) => z.union([one, z.array(one).min(1)]);

/** Patterns are matched in linear time (RE2), which knows neither look-around nor back-references. */
export const Pattern = later(() =>
  z
    .string()
    .min(1)
    .max(1_000)
    .superRefine((pattern, context) => {
      try {
        new RegExp(pattern, 'iu');
      } catch (thrown) {
        context.addIssue({ code: 'custom', message: (thrown as Error).message });
        return;
      }
      if (/\(\?<?[=!]|\\[1-9]|\\k</.test(pattern)) {
        context.addIssue({
          code: 'custom',
          message: 'A pattern may not look around or refer back: (?=, (?!, (?<=, (?<!, \\1',
        });
      }
    }),
);

/** What must be true of a request; all that is given must hold. */
export const RoutePredicate = later(() =>
  z
    .strictObject({
      /** estimated tokens of all messages */
      minTokens: z.number().int().nonnegative().optional(),
      maxTokens: z.number().int().nonnegative().optional(),
      /** ISO 639-1, as `en`; a language that cannot be told is none of them */
      language: oneOrMany(z.string().regex(/^[a-z]{2}$/, 'A language is two letters, as en')).optional(),
      code: z.boolean().optional(),
      images: z.boolean().optional(),
      tenant: oneOrMany(z.string().min(1)).optional(),
      /** of the run: each field is this value, or one of these */
      metadata: z.record(z.string(), oneOrMany(z.union([z.string(), z.number(), z.boolean()]))).optional(),
      /** regular expression found in what the user said last; upper and lower case are the same */
      matches: Pattern.optional(),
    })
    .refine((predicate) => Object.values(predicate).some((value) => value !== undefined), 'A rule needs a condition'),
);
export type RoutePredicate = z.infer<typeof RoutePredicate>;
