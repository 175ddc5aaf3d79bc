import {
  type AgentResult,
  type CrewPlan,
  type Delegation,
  type Message,
  type PlannedAgent,
  type PlannedTask,
  type TaskResult,
  withoutUndefined,
} from '../../contract/index.ts';
import type { AgentInbox } from '../agent/inbox.ts';
import { sumOf } from '../agent/state.ts';
import { agent } from '../agent.ts';
import { failure } from '../failures.ts';
import { delegationTools, type Spending } from './delegation.ts';
import { guardrailFailed, managerPrompt, personSaid, profileOf, promptOf } from './prompts.ts';
import { problemWith, reviewed } from './review.ts';

export interface Performing {
  plan: CrewPlan;
  task: PlannedTask;
  /** what earlier tasks gave */
  done: ReadonlyMap<string, TaskResult>;
  inbox: AgentInbox;
  /** the step: the task's name, where the crew is not itself a step of another workflow */
  at: string;
}

/**
 * One task, until its answer is accepted.
 *
 *   task, context --> agent (or manager --> coworkers) --> guardrails --> person --> answer
 *                       ^                                      |            |
 *                       +---- what is wrong, what is wanted ---+------------+
 *
 * @throws Refused for an answer that guardrails or a person do not accept, after so many rounds
 */
export async function performTask({ plan, task, done, inbox, at }: Performing): Promise<TaskResult> {
  const who = plan.manager ?? plan.agents.find(({ name }) => name === task.agent)!;
  const delegations: Delegation[] = [];
  let spent: Spending = { usage: { inputTokens: 0, outputTokens: 0 }, costUsd: 0, steps: 0, toolCalls: [] };
  const spend = (more: Spending) => {
    spent = withSpending(spent, more);
  };

  const coworkers = coworkersOf(plan, task, who);
  const own =
    coworkers.length === 0
      ? undefined
      : delegationTools({ plan, at, coworkers, began: (one) => delegations.push(one), spent: spend });
  const prompt = promptOf(task, done);
  const asked = { role: 'user' as const, content: plan.manager ? managerPrompt(prompt, task.agent) : prompt };
  const { maxSteps, limits, context } = who;
  const profile = profileOf(who);
  const perform = async (step: string, messages: Message[]): Promise<AgentResult> => {
    const said = await agent({
      ...withoutUndefined({ ...profile, tools: plan.manager ? undefined : (task.tools ?? profile.tools) }),
      ...{ name: who.name, maxSteps, limits, context, schema: task.schema },
      ...{ step, own, messages },
    });
    spend(said);
    return said;
  };

  let retries = 0;
  let revisions = 0;
  let said = await perform(at, [asked]);
  for (;;) {
    if (said.stopReason === 'stopped') return result();
    const problem = await problemWith(said, { task, at, nth: retries + revisions + 1, policy: who.policy, spend });
    if (problem !== undefined) {
      if (problem.isFinal || retries >= task.guardrailRetries) throw failure(refusal(problem.reason));
      retries += 1;
      said = await again(`${at}/retry-${retries}`, guardrailFailed(problem.reason));
      continue;
    }
    const review = await reviewed(said, { task, at, who: who.name, inbox, revisions });
    if (review === 'accepted') return result();
    if (review === 'stopped') return { ...result(), stopReason: 'stopped' };
    revisions += 1;
    said = await again(`${at}/revision-${revisions}`, personSaid(review.comment));
  }

  function again(step: string, why: string): Promise<AgentResult> {
    return perform(step, [asked, { role: 'assistant', content: said.text }, { role: 'user', content: why }]);
  }

  function result(): TaskResult {
    const { text, object, model, finishReason, stopReason } = said;
    return withoutUndefined({
      ...{ text, object, model, finishReason, stopReason },
      ...{ agent: who.name, delegations, retries, revisions },
      ...spent,
    });
  }

  function refusal(reason: string) {
    const times = retries === 0 ? '' : `, also after ${retries} ${retries === 1 ? 'retry' : 'retries'}`;
    return {
      type: 'Refused' as const,
      message: `The answer of "${task.name}" does not pass its guardrail${times}: ${reason}`,
      step: at,
    };
  }
}

/** Whom the one who has the task may give work to. In a hierarchical crew a task's own agent is the only one, as in CrewAI. */
function coworkersOf({ agents, manager }: CrewPlan, task: PlannedTask, who: PlannedAgent): PlannedAgent[] {
  const all = manager && task.agent !== undefined ? agents.filter(({ name }) => name === task.agent) : agents;
  if (!manager) return who.mayDelegate ? all.filter((one) => one !== who) : [];
  return task.tools === undefined ? all : all.map((one) => ({ ...one, tools: task.tools! }));
}

function withSpending(spent: Spending, more: Spending): Spending {
  return {
    usage: sumOf(spent.usage, more.usage),
    costUsd:
      spent.costUsd === null || more.costUsd === null ? null : Number((spent.costUsd + more.costUsd).toFixed(12)),
    steps: spent.steps + more.steps,
    toolCalls: [...spent.toolCalls, ...more.toolCalls],
  };
}
