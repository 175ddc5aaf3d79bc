import { z } from 'zod';
import { GuardrailCheck } from '../guardrails.ts';
import { later } from '../later.ts';
import { JsonSchema } from '../models.ts';
import { Duration, PolicyRef } from '../policy.ts';
import { ToolUse } from '../tools.ts';
import { AgentContext, AgentLimits } from './agent.ts';

const Text = later(() => z.string().trim().min(1));

/** Who does tasks. Where CrewAI has another word for a field, that one is taken too. */
export const CrewAgent = later(() =>
  z.strictObject({
    /** where agents are a list */
    name: z.string().optional(),
    role: Text,
    goal: Text,
    backstory: Text.optional(),
    tools: z.array(ToolUse).max(500).optional(),
    /** skills it may load, by name */
    skills: z.array(z.string().regex(/^[\w-]{1,50}$/)).optional(),
    policy: PolicyRef.optional(),
    llm: PolicyRef.optional(),
    /** model calls for one task at most, default 50 */
    maxSteps: z.number().int().min(1).optional(),
    max_iter: z.number().int().min(1).optional(),
    /** it may give work to the others, and ask them */
    allowDelegation: z.boolean().optional(),
    allow_delegation: z.boolean().optional(),
    limits: AgentLimits.optional(),
    context: AgentContext.optional(),
  }),
);
export type CrewAgent = z.infer<typeof CrewAgent>;

/** What an answer must be: a rule in words, which a model checks, or one of the checks that guardrails know. */
const TaskGuardrail = later(() =>
  z.union([
    Text,
    GuardrailCheck.refine(({ onFailure = 'repair' }) => onFailure === 'repair' || onFailure === 'refuse', {
      message: 'A task that does not pass a check is done again (repair) or fails (refuse)',
      path: ['onFailure'],
    }),
  ]),
);
export type TaskGuardrail = z.infer<typeof TaskGuardrail>;

const HumanInput = later(() =>
  z.strictObject({
    /** who may say so, by key, role (`role:approver`) or name; left out, whoever may approve */
    approvers: z.array(z.string().min(1)).min(1).optional(),
    /** how long the task waits for a person; left out, for ever */
    patience: Duration.optional(),
    /** what it means that nobody answered in time, default `fail` */
    onExpiry: z.enum(['approve', 'fail']).optional(),
    /** how often the answer is revised before the task fails, default 10 */
    revisions: z.number().int().min(0).max(100).optional(),
  }),
);
export type HumanInput = z.infer<typeof HumanInput>;

export const CrewTask = later(() =>
  z.strictObject({
    /** where tasks are a list */
    name: z.string().optional(),
    description: Text,
    /** what the answer must be like */
    expectedOutput: Text.optional(),
    expected_output: Text.optional(),
    /** who does it; in a hierarchical crew, to whom the manager gives it */
    agent: z.string().optional(),
    /** tasks whose answers it is given; left out, all before it that it does not run beside */
    context: z.array(z.string()).optional(),
    /** instead of its agent's */
    tools: z.array(ToolUse).max(500).optional(),
    /** JSON schema of the answer */
    schema: JsonSchema.optional(),
    guardrail: TaskGuardrail.optional(),
    guardrails: z.union([Text, z.array(TaskGuardrail).max(20)]).optional(),
    /** how often the task is done again because of them, default 3 */
    guardrailRetries: z.number().int().min(0).max(20).optional(),
    guardrail_max_retries: z.number().int().min(0).max(20).optional(),
    /** whom rules in words are checked by; left out, the agent's own policy */
    guardrailPolicy: PolicyRef.optional(),
    /** a person approves the answer, or says what to change */
    humanInput: z.union([z.boolean(), HumanInput]).optional(),
    human_input: z.boolean().optional(),
    /** runs at once with what does not need its answer */
    async: z.boolean().optional(),
    async_execution: z.boolean().optional(),
    /** the answer is written in Markdown */
    markdown: z.boolean().optional(),
  }),
);
export type CrewTask = z.infer<typeof CrewTask>;

/** Who plans and reviews in a hierarchical crew; what is left out is CrewAI's own manager's. */
const CrewManager = later(() =>
  z.strictObject({
    role: Text.optional(),
    goal: Text.optional(),
    backstory: Text.optional(),
    policy: PolicyRef.optional(),
    maxSteps: z.number().int().min(1).optional(),
    limits: AgentLimits.optional(),
  }),
);

export const CrewDefinition = later(() =>
  z.strictObject({
    /** by name, or as a list of agents with names */
    agents: z.union([z.record(z.string(), CrewAgent), z.array(CrewAgent)]),
    /** in their order, by name or as a list of tasks with names */
    tasks: z.union([z.record(z.string(), CrewTask), z.array(CrewTask)]),
    /** default `sequential` */
    process: z.enum(['sequential', 'hierarchical']).optional(),
    /** what `{placeholders}` of the texts stand for */
    inputs: z.record(z.string(), z.unknown()).optional(),
    /** of agents that name none */
    policy: PolicyRef.optional(),
    /** of a hierarchical crew */
    manager: CrewManager.optional(),
    /** how often work may be given to others, or others asked, in one task, default 10 */
    maxDelegations: z.number().int().min(1).max(100).optional(),
  }),
);
export type CrewDefinition = z.infer<typeof CrewDefinition>;

/** An agent or task with its name, and the path to it. */
export interface Member<Item> {
  name: string | undefined;
  path: PropertyKey[];
  item: Item;
}

/** The members of a list, or of an object by name. */
export function membersOf<Item extends { name?: string }>(
  field: string,
  given: Record<string, Item> | Item[],
): Member<Item>[] {
  return Array.isArray(given)
    ? given.map((item, index) => ({ name: item.name, path: [field, index], item }))
    : Object.entries(given).map(([name, item]) => ({ name, path: [field, name], item }));
}

/** All checks of a task, as a list. */
export function guardrailsOf({ guardrail, guardrails = [] }: CrewTask): TaskGuardrail[] {
  return [guardrail, guardrails].flat().filter((one) => one !== undefined);
}
