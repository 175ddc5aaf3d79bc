import {
  type Answer,
  type CallError,
  DEFAULT_MAX_REPLANS,
  fieldPath,
  type PlanFailure,
  PlanInput,
  type PlannedStep,
  type PlanProblem,
  type PlanResult,
  planProblems,
  type RunOptions,
} from '../contract/index.ts';
import { openInbox } from './agent/inbox.ts';
import { checkProfile } from './agent/team.ts';
import { answerOf } from './answer-of.ts';
import { failure } from './failures.ts';
import { inputOf } from './input.ts';
import { approved } from './plan/approve.ts';
import { carriedOut, type Work } from './plan/carry-out.ts';
import { planned, resultsText } from './plan/planner.ts';
import { note, policyOf } from './run.ts';
import { generate } from './steps/generate.ts';

/** As a step of another workflow, `plan` can be given a name; its own steps then begin with it. */
export type PlanStep = PlanInput & { step?: string };

/**
 * A planner turns a goal and the tools there are into a plan, agents carry it out, at once where it may, and the planner
 * answers from what they found.
 *
 *   goal --> plan --> (a person approves, may change it) --> steps, each an agent with its tools --> final
 *             ^                                                |
 *             +------- what is done, what failed <--failure----+
 *
 * A plan that cannot be carried out is told to the planner once more, and then ends the run. After a failure the steps at
 * work end, nothing new begins, and a new plan is made for what is left, so often at most; what is done stays done.
 * A plan first and then its steps: Plan-and-Solve, Wang et al. 2023 (arXiv 2305.04091). Those that need nothing of each
 * other at once, and planned anew where they fail: LLMCompiler, Kim et al. 2023 (arXiv 2312.04511).
 */
export async function plan({ step, ...given }: PlanStep, _options?: RunOptions): Promise<PlanResult> {
  const input = inputOf(PlanInput, given);
  const { maxReplans = DEFAULT_MAX_REPLANS } = input;
  const inbox = openInbox();
  const toolset = await checkProfile({ tools: input.tools, policy: input.worker ?? input.policy }, 'the plan');
  const named = (name: string) => (step === undefined ? name : `${step}/${name}`);
  const work: Work = { input, toolset, named, done: new Map(), tries: new Map() };
  const failures: PlanFailure[] = [];
  let steps: PlannedStep[] = [];

  for (let replans = 0; ; replans += 1) {
    const next = await inbox.untilStopped(async () => {
      steps = await approved(replans === 0 ? await firstPlan() : await planned(work, failures), work);
      return carriedOut(steps, work);
    });
    if (next === 'stopped' || next.stopped) return { ...soFar(replans), ended: 'stopped', final: await unfinished() };
    if (next.failures.length === 0) {
      const final = await inbox.untilStopped(answered);
      if (final === 'stopped') return { ...soFar(replans), ended: 'stopped', final: await unfinished() };
      return { ...soFar(replans), ended: 'done', final };
    }
    failures.push(...next.failures);
    if (replans >= maxReplans) throw failure(givenUp(next.failures[0]!, replans));
  }

  async function firstPlan(): Promise<PlannedStep[]> {
    if (!input.plan) return planned(work, []);
    const [problem] = planProblems(input.plan.steps, { tools: toolset?.tools.map(({ name }) => name) ?? [] });
    if (problem) throw failure(wrongPlan(problem));
    return input.plan.steps;
  }

  async function answered(): Promise<Answer> {
    const reply = await generate({
      step: named('final'),
      policy: input.policy,
      system:
        'A plan for a goal was carried out, step by step. Give the answer to the goal from the results of its steps, for ' +
        'somebody who knows of neither plan nor steps. Add nothing that the results do not support, and say what is missing.',
      prompt: `Goal: ${input.goal}\n\nResults of the steps:\n\n${resultsText(work)}`,
      schema: input.schema,
    });
    note(`${named('final')}: ${work.done.size} steps done`);
    return answerOf(reply);
  }

  function soFar(replans: number): Pick<PlanResult, 'plan' | 'steps' | 'replans' | 'failures'> {
    const done = [...work.done.values()];
    const open = steps.filter(({ id }) => !work.done.has(id));
    return {
      plan: { steps: [...done.map(({ planned: one }) => one), ...open] },
      steps: Object.fromEntries(done.map(({ planned: { id }, result }) => [id, result])),
      replans,
      failures,
    };
  }

  /** What was done by the time somebody stopped it: no model is asked any more. */
  async function unfinished(): Promise<Answer> {
    const last = [...work.done.values()].at(-1)?.result;
    const usage = { inputTokens: 0, outputTokens: 0 };
    const { candidates } = await policyOf(input.worker ?? input.policy);
    return { text: resultsText(work), model: last?.model ?? candidates[0]!, usage, costUsd: 0, finishReason: 'other' };
  }
}

/** A tool that a pattern such as `github__*` let through. */
function wrongPlan({ path, message }: PlanProblem): CallError {
  const field = fieldPath('input', ['plan', 'steps', ...path]);
  return { type: 'InvalidRequest', message: `${field}: ${message}`, path: field };
}

function givenUp({ step, error }: PlanFailure, replans: number) {
  const after = replans === 0 ? '' : ` after ${replans} new ${replans === 1 ? 'plan' : 'plans'}`;
  return {
    ...error,
    step,
    message: `The plan failed at "${step}"${after}: ${error.message}`,
    hint: 'What was done is in the events. Change the goal or the tools, or allow more plans (maxReplans)',
  };
}
