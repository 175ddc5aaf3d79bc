import type { JsonSchema } from '../models.ts';
import type { PolicyRef } from '../policy.ts';
import type { ToolUse } from '../tools.ts';
import { withoutUndefined } from '../without-undefined.ts';
import {
  type CrewAgent,
  type CrewDefinition,
  type CrewTask,
  guardrailsOf,
  type HumanInput,
  type Member,
  membersOf,
  type TaskGuardrail,
} from './crew-definition.ts';
import { asText } from './template.ts';

/** A crew in one spelling, its placeholders filled in. */
export interface CrewPlan {
  agents: PlannedAgent[];
  /** in their order */
  tasks: PlannedTask[];
  /** who is given every task, in a hierarchical crew */
  manager?: PlannedAgent;
  maxDelegations: number;
}

export interface PlannedAgent
  extends Pick<CrewAgent, 'tools' | 'skills' | 'policy' | 'maxSteps' | 'limits' | 'context'> {
  name: string;
  /** the field of the input it is from: `['agents', 'researcher']` */
  path: PropertyKey[];
  role: string;
  goal: string;
  backstory?: string;
  mayDelegate: boolean;
}

export interface PlannedTask {
  name: string;
  path: PropertyKey[];
  description: string;
  expectedOutput?: string;
  /** whose it is; only a manager may be left to choose */
  agent?: string;
  /** tasks whose answers it is given */
  context: string[];
  /** tasks that are over before it begins */
  after: string[];
  tools?: ToolUse[];
  schema?: JsonSchema;
  guardrails: TaskGuardrail[];
  guardrailRetries: number;
  guardrailPolicy?: PolicyRef;
  review?: HumanInput;
  markdown: boolean;
}

/** Of CrewAI, as its task has it. */
const DEFAULT_RETRIES = 3;
const DEFAULT_DELEGATIONS = 10;

/** The manager of CrewAI, where a crew describes none (crewAI `translations/en.json`, `hierarchical_manager_agent`). */
const MANAGER = {
  role: 'Crew Manager',
  goal: 'Manage the team to complete the task in the best way possible.',
  backstory:
    'You are a seasoned manager with a knack for getting the best out of your team. You are also known for your ability ' +
    'to delegate work to the right people, and to ask the right questions to get the best out of your team. Even though ' +
    'you do not perform tasks by yourself, you have a lot of experience in the field, which allows you to properly ' +
    'evaluate the work of your team members.',
};

/** What a field is called here, and in CrewAI. */
export const CREW_WORDS = {
  agents: [
    ['policy', 'llm'],
    ['maxSteps', 'max_iter'],
    ['allowDelegation', 'allow_delegation'],
  ],
  tasks: [
    ['expectedOutput', 'expected_output'],
    ['guardrailRetries', 'guardrail_max_retries'],
    ['humanInput', 'human_input'],
    ['async', 'async_execution'],
  ],
} as const satisfies { agents: [keyof CrewAgent, keyof CrewAgent][]; tasks: [keyof CrewTask, keyof CrewTask][] };

/** What a crew is, once nothing is wrong with it. */
export function crewPlan(definition: CrewDefinition): CrewPlan {
  const { inputs = {}, process, manager, maxDelegations = DEFAULT_DELEGATIONS, policy } = definition;
  const fill = <Text extends string | undefined>(text: Text) => filledIn(text, inputs) as Text;
  const agents = membersOf('agents', definition.agents).map(({ name, path, item }) => agentOf(name!, path, item));
  const tasks = tasksOf(membersOf('tasks', definition.tasks));
  return withoutUndefined({
    agents,
    tasks,
    maxDelegations,
    manager:
      process === 'hierarchical' ? agentOf(managerName(agents), ['manager'], { ...MANAGER, ...manager }) : undefined,
  });

  function agentOf(name: string, path: PropertyKey[], given: CrewAgent): PlannedAgent {
    const { role, goal, backstory, tools, skills, limits, context } = given;
    return withoutUndefined({
      ...{ name, path, tools, skills, limits, context },
      ...{ role: fill(role), goal: fill(goal), backstory: fill(backstory) },
      policy: given.policy ?? given.llm ?? policy,
      maxSteps: given.maxSteps ?? given.max_iter,
      mayDelegate: given.allowDelegation ?? given.allow_delegation ?? false,
    });
  }

  function tasksOf(named: Member<CrewTask>[]): PlannedTask[] {
    return named.map(({ name, path, item }, index) => {
      const { description, tools, schema, guardrailPolicy, markdown = false } = item;
      const earlier = named.slice(0, index);
      const inOrder = earlier.filter((task) => !isAsync(task.item)).map((task) => task.name!);
      const context = item.context ?? (isAsync(item) ? inOrder : earlier.map((task) => task.name!));
      const review = item.humanInput ?? item.human_input ?? false;
      return withoutUndefined({
        ...{ name: name!, path, context, tools, schema, guardrailPolicy, markdown },
        description: fill(description),
        expectedOutput: fill(item.expectedOutput ?? item.expected_output),
        agent: item.agent ?? (process === 'hierarchical' || agents.length > 1 ? undefined : agents[0]?.name),
        after: [...new Set([...inOrder, ...context])],
        guardrails: guardrailsOf(item).map((one) => (typeof one === 'string' ? fill(one) : one)),
        guardrailRetries: item.guardrailRetries ?? item.guardrail_max_retries ?? DEFAULT_RETRIES,
        review: review === true ? {} : review === false ? undefined : review,
      });
    });
  }
}

function managerName(agents: { name: string }[]): string {
  return agents.some(({ name }) => name === 'manager') ? 'crew manager' : 'manager';
}

function isAsync(task: CrewTask): boolean {
  return task.async ?? task.async_execution ?? false;
}

/** As CrewAI finds them: braces around anything but a name, JSON for example, are text. */
const PLACEHOLDER = /\{([A-Za-z_][\w-]*)\}/g;

function filledIn(text: string | undefined, inputs: Record<string, unknown>): string | undefined {
  return text?.replaceAll(PLACEHOLDER, (whole, name: string) =>
    Object.hasOwn(inputs, name) ? asText(inputs[name]) : whole,
  );
}

/** The placeholders of a crew's texts, each with the first field that has it. */
export function placeholdersOf(definition: CrewDefinition): Map<string, PropertyKey[]> {
  const { agents, tasks, manager } = definition;
  const texts = [
    ...membersOf('agents', agents).flatMap(({ path, item: { role, goal, backstory } }) =>
      at(path, { role, goal, backstory }),
    ),
    ...at(['manager'], { role: manager?.role, goal: manager?.goal, backstory: manager?.backstory }),
    ...membersOf('tasks', tasks).flatMap(({ path, item }) => {
      const { description, expectedOutput, expected_output } = item;
      const rules = guardrailsOf(item).flatMap((rule) =>
        typeof rule === 'string' ? at(path, { guardrail: rule }) : [],
      );
      return [...at(path, { description, expectedOutput, expected_output }), ...rules];
    }),
  ];
  const found = new Map<string, PropertyKey[]>();
  for (const [path, text] of texts)
    for (const [, name] of text.matchAll(PLACEHOLDER)) if (!found.has(name!)) found.set(name!, path);
  return found;
}

function at(path: PropertyKey[], fields: Record<string, string | undefined>): [PropertyKey[], string][] {
  return Object.entries(fields).flatMap(([field, text]): [PropertyKey[], string][] =>
    text === undefined ? [] : [[[...path, field], text]],
  );
}
