import {
  asText,
  type PlannedAgent,
  type PlannedTask,
  type TaskResult,
  withoutUndefined,
} from '../../contract/index.ts';
import type { Profile } from '../agent/team.ts';

/** What an agent is, for the agent step. Wording as in CrewAI (`translations/en.json`, `role_playing`). */
export function profileOf({ role, goal, backstory, tools, skills, policy }: PlannedAgent): Profile {
  const system = [`You are ${role}.`, backstory, `\nYour personal goal is: ${goal}`].filter(Boolean).join(' ');
  return withoutUndefined({ system, tools, skills, policy });
}

/** What an agent is asked for a task. @param done what earlier tasks gave */
export function promptOf(task: PlannedTask, done: ReadonlyMap<string, TaskResult>): string {
  const { description, expectedOutput, markdown, schema, context } = task;
  const given = context.flatMap((name): [string, string][] => {
    const result = done.get(name);
    return result ? [[name, result.text]] : [];
  });
  return [
    description,
    expectedOutput === undefined ? undefined : `This is what your final answer must be: ${expectedOutput}`,
    schema ? undefined : 'Give the actual, complete content as your final answer, not a summary of it.',
    markdown ? 'Write your final answer in Markdown.' : undefined,
    given.length === 0 ? undefined : 'This is the context you are working with:',
    ...given.map(([name, text]) => `<context task="${name}">\n${text}\n</context>`),
  ]
    .filter(Boolean)
    .join('\n\n');
}

/** What somebody is asked by another agent, who knows more than they do. */
export function delegatedPrompt(task: unknown, context: unknown): string {
  const known = asText(context).trim();
  return [
    asText(task),
    'Give your best answer to the coworker who asks you this, with the actual, complete content.',
    ...(known === '' ? [] : [`This is the context you are working with:\n\n<context>\n${known}\n</context>`]),
  ].join('\n\n');
}

/** Said to a manager under every task. @param chosen the agent a task names */
export function managerPrompt(prompt: string, chosen: string | undefined): string {
  const who = chosen === undefined ? 'the coworkers who can do it best' : chosen;
  return (
    `${prompt}\n\nYou do not do the work yourself: give it to ${who} with delegate_work, and ask what you need to know with ` +
    'ask_coworker. Review what comes back, and have it done again where it is not good enough. Your final answer is the ' +
    'result of the work itself.'
  );
}

export function guardrailFailed(problem: string): string {
  return `Your answer did not pass a check: ${problem}\n\nGive your whole answer again, so that it does.`;
}

export function personSaid(comment: string | undefined): string {
  return comment === undefined
    ? 'A person read your answer, did not accept it, and said no more. Give your whole answer again, better.'
    : `A person read your answer, and says:\n\n${comment}\n\nGive your whole answer again, with that in mind.`;
}
