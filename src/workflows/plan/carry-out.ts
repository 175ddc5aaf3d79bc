import { condition } from '@temporalio/workflow';
import { z } from 'zod';
import {
  type AgentResult,
  type CallError,
  DEFAULT_STEP_CALLS,
  inOrder,
  type JsonSchema,
  type PlanFailure,
  type PlanInput,
  type PlannedStep,
  type Toolset,
  usesFor,
} from '../../contract/index.ts';
import { agent } from '../agent.ts';
import { attempt } from '../attempt.ts';
import { inTaskOrder } from '../crew/task-order.ts';
import { failure, stepFailed } from '../failures.ts';
import { note, record } from '../run.ts';

/** Agents that work at once. */
const AT_ONCE = 8;

/** A plan at work: what it is for, and what has been done. */
export interface Work {
  input: PlanInput;
  toolset?: Toolset;
  /** the id of a step of this plan */
  named: (name: string) => string;
  /** in the order they were done */
  done: Map<string, { planned: PlannedStep; result: AgentResult }>;
  /** how often an id was begun: a new plan may use the id of a step that failed */
  tries: Map<string, number>;
}

export interface CarriedOut {
  failures: PlanFailure[];
  /** somebody told it to stop */
  stopped: boolean;
}

/** Does the steps of a plan, each once those it needs are done. When one fails, those at work end, and none begins. */
export async function carriedOut(steps: PlannedStep[], work: Work): Promise<CarriedOut> {
  const outcome: CarriedOut = { failures: [], stopped: false };
  const goesOn = () => outcome.failures.length === 0 && !outcome.stopped;
  const tasks = inOrder(steps).map((step) => ({ name: step.id, after: step.needs ?? [], step }));
  let atWork = 0;
  await inTaskOrder(
    tasks,
    async ({ step }) => {
      while (atWork >= AT_ONCE) await condition(() => atWork < AT_ONCE);
      if (!goesOn()) return;
      atWork += 1;
      try {
        book(step, await resultOf(step, work));
      } finally {
        atWork -= 1;
      }
    },
    goesOn,
  );
  return outcome;

  function book(step: PlannedStep, result: AgentResult | { error: CallError }): void {
    if ('error' in result) outcome.failures.push({ step: step.id, what: step.what, error: result.error });
    else if (result.stopReason === 'stopped') outcome.stopped = true;
    else work.done.set(step.id, { planned: step, result });
  }
}

/** The result comes first, so that the agent has written it down before it says whether that is what was asked. */
const Outcome = z.object({ result: z.string(), done: z.boolean() });

async function resultOf(step: PlannedStep, work: Work): Promise<AgentResult | { error: CallError }> {
  const { input, named, tries } = work;
  const { id, tools } = step;
  const nth = (tries.get(id) ?? 0) + 1;
  tries.set(id, nth);
  const at = named(nth === 1 ? id : `${id}~${nth}`);
  const result = await attempt(
    agent({
      step: at,
      name: id,
      system: INSTRUCTIONS,
      task: taskOf(step, work),
      tools: usesFor(input.tools, tools),
      policy: input.worker ?? input.policy,
      maxSteps: input.maxCalls ?? DEFAULT_STEP_CALLS,
      limits: input.limits,
      schema: z.toJSONSchema(Outcome) as JsonSchema,
    }),
    at,
  );
  if ('error' in result) {
    // Another plan would have no money either.
    if (result.error.type === 'BudgetExceeded') throw failure(result.error);
    return result;
  }
  const { object, ...rest } = result;
  if (rest.stopReason === 'stopped') return rest;
  const outcome = Outcome.safeParse(object);
  if (outcome.success && outcome.data.done) {
    note(`${at}: done`);
    return { ...rest, text: outcome.data.result };
  }
  const limit = rest.stopReason === 'done' ? '' : `Ended by ${rest.stopReason}. `;
  const message = `${limit}${outcome.success ? outcome.data.result : rest.text || 'It gave no result'}`;
  const error: CallError = { type: 'ToolFailed', message, step: at };
  await record([stepFailed(at, error)]);
  note(`${at}: not done, ${message}`);
  return { error };
}

const INSTRUCTIONS =
  'You do one step of a plan that others carry out with you. Do what your step says, with your tools, and no more. Give as ' +
  'result what the later steps and the answer to the goal need of it, whole: numbers, names, addresses as they are, where ' +
  'they are from. If it cannot be done, say done: false, and as result what stood in the way and what you tried.';

function taskOf({ what, needs = [] }: PlannedStep, { input, done }: Work): string {
  const given = needs.map((id) => `[${id}] ${done.get(id)!.planned.what}\n-> ${done.get(id)!.result.text}`);
  return [
    `Your step: ${what}`,
    `The goal it is for: ${input.goal}`,
    ...(given.length === 0 ? [] : ['Results of the steps before it:', ...given]),
  ].join('\n\n');
}
