import { z } from 'zod';
import { later } from '../later.ts';
import { Answer } from '../models.ts';
import { AgentStop, UsedToolCall } from './agent.ts';
import { CrewDefinition } from './crew-definition.ts';
import { crewProblems } from './crew-problems.ts';

export const CrewInput = later(() =>
  CrewDefinition.superRefine((input, context) => {
    for (const problem of crewProblems(input)) context.addIssue({ code: 'custom', ...problem });
  }),
);
export type CrewInput = z.infer<typeof CrewInput>;

/** Work an agent gave to another, or a question it asked, in the order it did. */
const Delegation = later(() => z.object({ to: z.string(), tool: z.string(), step: z.string() }));
export type Delegation = z.infer<typeof Delegation>;

export const TaskResult = later(() =>
  Answer.extend({
    /** who gave the answer: the manager, where there is one */
    agent: z.string(),
    /** model calls of all who took part; `usage` and `costUsd` are those of all of them */
    steps: z.number().int(),
    toolCalls: z.array(UsedToolCall),
    delegations: z.array(Delegation),
    /** how often it was done again because of a guardrail */
    retries: z.number().int(),
    /** how often it was revised because of what a person said */
    revisions: z.number().int(),
    stopReason: AgentStop,
  }),
);
export type TaskResult = z.infer<typeof TaskResult>;

export const CrewResult = later(() =>
  z.object({
    /** by name, in their order */
    tasks: z.record(z.string(), TaskResult),
    /** of the last task */
    final: Answer,
    /** somebody stopped it: tasks may be missing, and `final` is the last answer there was */
    stopped: z.boolean().optional(),
  }),
);
export type CrewResult = z.infer<typeof CrewResult>;
