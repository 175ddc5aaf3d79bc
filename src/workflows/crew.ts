import {
  type Answer,
  CrewInput,
  type CrewPlan,
  type CrewResult,
  crewPlan,
  fieldPath,
  type PlannedTask,
  type RunOptions,
  type TaskResult,
} from '../contract/index.ts';
import { openInbox } from './agent/inbox.ts';
import { checkProfile } from './agent/team.ts';
import { performTask } from './crew/perform-task.ts';
import { profileOf } from './crew/prompts.ts';
import { inTaskOrder } from './crew/task-order.ts';
import { callErrorOf, failure } from './failures.ts';
import { inputOf } from './input.ts';

/** As a step of another workflow, `crew` can be given a name; its own steps then begin with it. */
export type CrewStep = CrewInput & { step?: string };

/**
 * Agents with roles do tasks, each given what earlier ones gave.
 *
 *   research --> write --+--> edit --> final         each task: agent --> guardrails --> (person) --> answer
 *            \-> chart --+  (async)                                 ^--- again, told why ---+
 *
 * In a hierarchical crew a manager is given every task: it delegates to the others, asks them, and reviews what they do.
 * All is checked before a model is asked. A task that fails ends the crew; told to stop, it ends with what it has.
 * Roles, tasks and processes are CrewAI's (docs.crewai.com, concepts).
 */
export async function crew({ step, ...given }: CrewStep, _options?: RunOptions): Promise<CrewResult> {
  const plan = crewPlan(inputOf(CrewInput, given));
  const inbox = openInbox();
  await checkAgents(plan);

  const results = await inTaskOrder<PlannedTask, TaskResult>(
    plan.tasks,
    (task, done) =>
      performTask({ plan, task, done, inbox, at: step === undefined ? task.name : `${step}/${task.name}` }),
    ({ stopReason }) => stopReason !== 'stopped',
  );
  if (step === undefined) inbox.close();
  const all = [...results.values()];
  const isStopped = all.some(({ stopReason }) => stopReason === 'stopped');
  const last = isStopped ? all.findLast(({ text }) => text !== '') : undefined;
  return {
    tasks: Object.fromEntries(results),
    final: answerIn(last ?? all.at(-1)!),
    ...(isStopped && { stopped: true }),
  };
}

function answerIn({ text, object, model, usage, costUsd, finishReason }: TaskResult): Answer {
  return { text, ...(object === undefined ? {} : { object }), model, usage, costUsd, finishReason };
}

/** @throws InvalidRequest with the path of the agent, or of the task that has tools of its own */
async function checkAgents({ agents, tasks, manager }: CrewPlan): Promise<void> {
  const profiles = [
    ...[...agents, ...(manager ? [manager] : [])].map((one) => ({
      who: one.name,
      path: one.path,
      profile: profileOf(one),
    })),
    ...tasks.flatMap(({ name, path, tools }) => (tools ? [{ who: name, path, profile: { tools } }] : [])),
  ];
  await Promise.all(
    profiles.map(({ who, path, profile }) =>
      checkProfile(profile, who).catch((thrown: unknown) => {
        const error = callErrorOf(thrown);
        const field = error.path?.replace(/^input\.?/, '').split('.') ?? [];
        throw failure({ ...error, path: fieldPath('input', [...path, ...field]) });
      }),
    ),
  );
}
