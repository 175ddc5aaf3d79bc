import { z } from 'zod';
import {
  type CrewPlan,
  type Delegation,
  invalidRequest,
  type JsonSchema,
  type PlannedAgent,
  suggestion,
  type TaskResult,
} from '../../contract/index.ts';
import type { OwnTool, OwnTools } from '../agent/own-tools.ts';
import { agent } from '../agent.ts';
import { failure } from '../failures.ts';
import { delegatedPrompt, profileOf } from './prompts.ts';

/** What a task used so far, by whomever. */
export type Spending = Pick<TaskResult, 'usage' | 'costUsd' | 'steps' | 'toolCalls'>;

export interface Delegating {
  plan: CrewPlan;
  /** the step of the task; those of coworkers begin with it */
  at: string;
  coworkers: PlannedAgent[];
  /** told of each delegation that begins, and of what each used */
  began(delegation: Delegation): void;
  spent(spending: Spending): void;
}

const context = z
  .string()
  .optional()
  .describe('ALL they need to know: they know nothing of the task, so explain things instead of referring to them');

/**
 * The tools by which an agent gives work to others, and asks them. Coworkers have no such tools themselves, and there are
 * only so many uses in a task, so that it ends.
 */
export function delegationTools({ plan, at, coworkers, began, spent }: Delegating): OwnTools {
  const names = coworkers.map(({ name }) => name);
  const coworker = z.string();
  const Work = z.object({ coworker, task: z.string().min(1).describe('the task to delegate'), context });
  const Question = z.object({ coworker, question: z.string().min(1).describe('the question to ask'), context });
  const team = coworkers.map(({ name, role, goal }) => `- ${name}: ${role}. ${goal}`).join('\n');
  const came = new Map<string, number>();
  let uses = 0;

  async function ask(tool: string, who: string, task: string, known: string | undefined): Promise<string> {
    const to = coworkerNamed(who, coworkers);
    if (uses >= plan.maxDelegations)
      throw failure({
        type: 'InvalidRequest',
        message: `You have asked others ${uses} times, which is the most for one task. Answer with what you have`,
      });
    uses += 1;
    const nth = (came.get(to.name) ?? 0) + 1;
    came.set(to.name, nth);
    const step = `${at}/${inStep(to.name)}${nth === 1 ? '' : `-${nth}`}`;
    began({ to: to.name, tool, step });
    const { maxSteps, limits, context: window } = to;
    const said = await agent({
      ...profileOf(to),
      ...{ step, name: to.name, maxSteps, limits, context: window },
      task: delegatedPrompt(task, known),
    });
    spent(said);
    return said.text;
  }

  const tool = <Args extends z.ZodType>(
    description: string,
    schema: Args,
    use: (args: z.output<Args>) => Promise<string>,
  ): OwnTool => ({
    description: `${description}\n${team}`,
    parameters: withCoworkers(z.toJSONSchema(schema) as JsonSchema, names),
    run(args) {
      const parsed = schema.safeParse(args);
      if (!parsed.success) throw failure(invalidRequest(parsed.error, 'arguments'));
      return use(parsed.data);
    },
  });
  return {
    delegate_work: tool(
      'Delegate a specific task to one of these coworkers:',
      Work,
      ({ coworker: who, task, context }) => ask('delegate_work', who, task, context),
    ),
    ask_coworker: tool(
      'Ask one of these coworkers a specific question:',
      Question,
      ({ coworker: who, question, context }) => ask('ask_coworker', who, question, context),
    ),
  };
}

/** Models are shown the names there are; what else they write is looked at all the same. */
function withCoworkers(schema: JsonSchema, names: string[]): JsonSchema {
  const properties = schema.properties as Record<string, JsonSchema>;
  return { ...schema, properties: { ...properties, coworker: { type: 'string', enum: names } } };
}

/** Models write a role for a name, and other letters for a role. */
function coworkerNamed(given: string, coworkers: PlannedAgent[]): PlannedAgent {
  const plain = (text: string) =>
    text
      .replaceAll(/[\W_]+/g, ' ')
      .trim()
      .toLowerCase();
  const found = coworkers.find(({ name, role }) => plain(name) === plain(given) || plain(role) === plain(given));
  if (found) return found;
  const known = coworkers.map(({ name }) => name);
  throw failure({
    type: 'InvalidRequest',
    message: `There is no coworker "${given}".${suggestion(given, known)}`,
  });
}

/** Steps stand in addresses. */
function inStep(name: string): string {
  return name.replaceAll(/[^\w-]+/g, '-');
}
