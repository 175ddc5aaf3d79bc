import { z } from 'zod';
import { type PlanFailure, PlannedStep, planProblems, shortened } from '../../contract/index.ts';
import { note } from '../run.ts';
import { generate } from '../steps/generate.ts';
import type { Work } from './carry-out.ts';

/** Steps of a plan where the input does not say. */
const DEFAULT_MAX_STEPS = 20;
/** Characters of a result the planner is shown when it plans anew; the steps that need it get all of it. */
const SHOWN_RESULT = 2_000;

/**
 * Asks the planner for a plan of what is left to do.
 * @param failures what failed before; none: the first plan
 * @throws InvalidOutput where none of its plans can be carried out, else as `generate`
 */
export async function planned(work: Work, failures: PlanFailure[]): Promise<PlannedStep[]> {
  const { input, toolset, named, done } = work;
  const { maxSteps = DEFAULT_MAX_STEPS, goal } = input;
  const tools = toolset?.tools.map(({ name }) => name) ?? [];
  const step = named(failures.length === 0 ? 'plan' : 'replan');
  const { object } = await generate({
    step,
    policy: input.policy,
    system: instructions(maxSteps),
    prompt: [
      `Goal: ${goal}`,
      `Tools: ${tools.join(', ') || 'none'}`,
      ...(failures.length === 0 ? [] : [soFarText(work, failures)]),
    ].join('\n\n'),
    output: planOf({ tools, done: [...done.keys()], maxSteps, isFirst: failures.length === 0 }),
    // What the tools do and take is shown to the planner as to any agent; it calls none.
    ...(toolset && { toolset: toolset.hash, toolChoice: 'none' }),
  });
  const steps = object.steps.filter(({ id }) => !done.has(id));
  note(
    `${step}: ${steps.map(({ id, needs }) => `${id}${needs.length > 0 ? ` (after ${needs.join(', ')})` : ''}`).join(', ')}`,
  );
  return steps;
}

function instructions(maxSteps: number): string {
  return [
    'You plan how a goal is reached; you do not work on it yourself. Break it into steps, each of which one agent does with ' +
      'the tools you name for it, without knowing anything but the goal, what you say is to be done, and the results of the ' +
      'steps it needs.',
    `Make as few steps as the goal takes, at most ${maxSteps}. Name in needs the ids of those steps whose results a step cannot ` +
      'do without, and no others: the rest is done at the same time. Ids are short names, as facts or compare-prices. Give ' +
      'each step only the tools it needs, or none. The answer to the goal is written from the results by itself: it is no step.',
  ].join('\n');
}

function soFarText(work: Work, failures: PlanFailure[]): string {
  const failed = failures.map(({ step, what, error }) => `[${step}] ${what}\n-> ${error.type}: ${error.message}`);
  return [
    'An earlier plan was begun. Done, and not done again; you may need these steps by their ids:',
    resultsText(work, SHOWN_RESULT) || 'nothing yet',
    'Failed:',
    ...failed,
    'Plan what is left to do for the goal, another way than the one that failed. Give only steps that are not done; none, if ' +
      'what is done is enough.',
  ].join('\n\n');
}

/** What steps gave. @param most characters of each */
export function resultsText({ done }: Work, most = Number.POSITIVE_INFINITY): string {
  return [...done.values()]
    .map(({ planned: { id, what }, result: { text } }) => `[${id}] ${what}\n-> ${shortened(text, most)}`)
    .join('\n\n');
}

interface Bounds {
  tools: string[];
  done: string[];
  maxSteps: number;
  isFirst: boolean;
}

/** A plan as the planner gives it. What a JSON schema cannot say is checked too, and told to it once. */
function planOf({ tools, done, maxSteps, isFirst }: Bounds) {
  const step = z.object({ id: z.string(), what: z.string(), tools: z.array(z.string()), needs: z.array(z.string()) });
  return z.object({ steps: z.array(step) }).superRefine(({ steps }, context) => {
    const open = steps.filter(({ id }) => !done.includes(id));
    const unnamed = open.find(({ id }) => !PlannedStep.shape.id.safeParse(id).success);
    const problem = unnamed
      ? `"${unnamed.id}" is no id of a step: take a letter, and then letters, digits, _ or -, at most 40`
      : isFirst && open.length === 0
        ? 'A plan needs at least one step'
        : open.length > maxSteps
          ? `A plan has at most ${maxSteps} steps, this one has ${open.length}`
          : planProblems(open, { tools, done })[0]?.message;
    if (problem !== undefined) context.addIssue({ code: 'custom', path: ['steps'], message: problem });
  });
}
