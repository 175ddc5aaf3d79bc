import { z } from 'zod';
import { CallError } from '../errors.ts';
import { later } from '../later.ts';
import { Answer, JsonSchema } from '../models.ts';
import { Duration, PolicyRef } from '../policy.ts';
import { ToolName, ToolUse } from '../tools.ts';
import { AgentLimits, AgentResult } from './agent.ts';
import { nameOf, planProblems } from './plan-check.ts';

/** How often a plan is made anew after a failure, where its input does not say. */
export const DEFAULT_MAX_REPLANS = 2;
/** Model calls of one step's agent, where its input does not say. */
export const DEFAULT_STEP_CALLS = 20;

/** One piece of work: an agent does it with these tools, once the steps it needs are done. */
export const PlannedStep = later(() =>
  z.strictObject({
    id: z.string().regex(/^[A-Za-z][\w-]{0,39}$/, 'A step is named with letters, digits, _ and -, at most 40 of them'),
    /** what is to be done, for somebody who knows the goal and the results of the steps it needs */
    what: z.string().min(1),
    /** names of the tools it may use; left out, all of them */
    tools: z.array(ToolName).optional(),
    /** ids of the steps whose results it needs */
    needs: z.array(z.string()).optional(),
  }),
);
export type PlannedStep = z.infer<typeof PlannedStep>;

/** A graph of steps: what needs nothing that is not done runs at once. */
export const Plan = later(() =>
  z.strictObject({ steps: z.array(PlannedStep).min(1, 'A plan needs at least one step').max(50) }),
);
export type Plan = z.infer<typeof Plan>;

export const PlanInput = later(() =>
  z
    .strictObject({
      goal: z.string().min(1),
      tools: z.array(ToolUse).max(500),
      /** policy or model that plans, does the steps and writes the final answer */
      policy: PolicyRef.optional(),
      /** policy or model of the agents that do the steps; left out, `policy` */
      worker: PolicyRef.optional(),
      /** a plan to begin with, instead of one the planner makes */
      plan: Plan.optional(),
      /** a person sees each plan before it is carried out, and may change it: whoever may approve, or as said here */
      approve: z
        .union([
          z.boolean(),
          z.strictObject({ approvers: z.array(z.string().min(1)).min(1).optional(), patience: Duration.optional() }),
        ])
        .optional(),
      /** new plans after failures, default 2 */
      maxReplans: z.number().int().min(0).max(10).optional(),
      /** steps of a plan the planner makes, at most; default 20 */
      maxSteps: z.number().int().min(1).max(50).optional(),
      /** of each step's agent: model calls at most, default 20 */
      maxCalls: z.number().int().min(1).max(1_000).optional(),
      /** of each step's agent */
      limits: AgentLimits.optional(),
      /** JSON schema of the final answer */
      schema: JsonSchema.optional(),
    })
    .superRefine(({ plan, tools }, context) => {
      if (!plan) return;
      for (const { path, message } of planProblems(plan.steps, { tools: tools.map(nameOf) }))
        context.addIssue({ code: 'custom', path: ['plan', 'steps', ...path], message });
    }),
);
export type PlanInput = z.infer<typeof PlanInput>;

/** A step that did not do what it was to. */
export const PlanFailure = later(() => z.object({ step: z.string(), what: z.string(), error: CallError }));
export type PlanFailure = z.infer<typeof PlanFailure>;

export const PlanResult = later(() =>
  z.object({
    /** as it was carried out in the end, with the steps that earlier plans had done */
    plan: Plan,
    /** by their ids: `text` is the step's result */
    steps: z.record(z.string(), AgentResult),
    /** plans that were made after failures */
    replans: z.number().int().nonnegative(),
    /** what failed on the way, in the order it did */
    failures: z.array(PlanFailure),
    /** `stopped`: somebody told it to stop, and the final answer is what was done by then */
    ended: z.enum(['done', 'stopped']),
    final: Answer,
  }),
);
export type PlanResult = z.infer<typeof PlanResult>;
