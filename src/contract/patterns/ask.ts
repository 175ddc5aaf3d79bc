import { z } from 'zod';
import { later } from '../later.ts';
import { Answer, JsonSchema } from '../models.ts';
import { PolicyRef } from '../policy.ts';
import { RouteRef } from '../route/definition.ts';
import { ONE_QUESTION, oneQuestion, question } from './question.ts';

export const AskInput = later(() =>
  z
    .strictObject({
      ...question(),
      policy: PolicyRef.optional(),
      /** a router, or the name of one in the config, that chooses the policy */
      route: RouteRef.optional(),
      schema: JsonSchema.optional(),
    })
    .refine(oneQuestion, { ...ONE_QUESTION })
    .refine((input) => input.policy === undefined || input.route === undefined, {
      message: 'Give either policy or route: a route chooses the policy',
      path: ['route'],
    }),
);
export type AskInput = z.infer<typeof AskInput>;

export const AskResult = Answer;
export type AskResult = z.infer<typeof AskResult>;
