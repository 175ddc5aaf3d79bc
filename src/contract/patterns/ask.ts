import { z } from 'zod';
import { later } from '../later.ts';
import { ToolCallPart } from '../messages.ts';
import { Answer, JsonSchema, RequestSettings, ToolChoice, ToolDefinition } from '../models.ts';
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
      /** tools the model may call: whoever asks does the work, and asks again with the results among the messages */
      tools: z.array(ToolDefinition).max(500).optional(),
      toolChoice: ToolChoice.optional(),
      /** false: at most one tool call an answer */
      parallelTools: z.boolean().optional(),
      /** instead of the policy's own. A candidate that does not know one is not asked; effort and limit have a nearest value */
      settings: RequestSettings.optional(),
      /** further requests begin as this one does: providers that keep a beginning are asked to */
      keepsPrefix: z.boolean().optional(),
    })
    .refine(oneQuestion, { ...ONE_QUESTION })
    .refine((input) => input.policy === undefined || input.route === undefined, {
      message: 'Give either policy or route: a route chooses the policy',
      path: ['route'],
    })
    .refine((input) => input.toolChoice === undefined || (input.tools ?? []).length > 0, {
      message: 'A choice among tools needs tools',
      path: ['toolChoice'],
    }),
);
export type AskInput = z.infer<typeof AskInput>;

export const AskResult = later(() =>
  Answer.extend({
    /** the tools the model wants used, where `finishReason` is `toolCalls` */
    toolCalls: z.array(ToolCallPart).optional(),
    /** what the model thought before it called them, and its provider's token for it: to be sent back with them */
    reasoning: z.string().optional(),
    reasoningSignature: z.string().optional(),
  }),
);
export type AskResult = z.infer<typeof AskResult>;
