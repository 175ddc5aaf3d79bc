import { fieldPath, invalidRequest, Plan, type PlannedStep, planProblems } from '../../contract/index.ts';
import { failure } from '../failures.ts';
import { totalUsd } from '../spending.ts';
import { approval } from '../steps/approval.ts';
import type { Work } from './carry-out.ts';

/**
 * The plan as a person lets it be carried out: as it is, or as they changed it (`arguments: {steps}` of the answer). A
 * changed plan that cannot be carried out is not lost: they are asked again, and told what is wrong with it.
 * @throws ToolDenied where they say no
 */
export async function approved(steps: PlannedStep[], { input, named, done, toolset }: Work): Promise<PlannedStep[]> {
  const { approve = false, goal } = input;
  if (approve === false || steps.length === 0) return steps;
  const { approvers, patience } = approve === true ? {} : approve;
  for (let problem: string | undefined; ; ) {
    const decision = await approval({
      step: named('approve'),
      show: {
        goal,
        steps,
        ...(done.size > 0 && { done: [...done.keys()] }),
        ...(problem !== undefined && { problem }),
        costUsd: Number(totalUsd().toFixed(6)),
      },
      approvers,
      patience,
    });
    if (!decision.approved) throw failure(refusal(decision));
    if (decision.arguments === undefined) return steps;
    const changed = changedPlan(decision.arguments, [...done.keys()], toolset?.tools.map(({ name }) => name) ?? []);
    if (typeof changed !== 'string') return changed;
    problem = changed;
  }
}

/** @returns the steps, or what is wrong with them */
function changedPlan(given: Record<string, unknown>, done: string[], tools: string[]): PlannedStep[] | string {
  const parsed = Plan.safeParse(given);
  if (!parsed.success) return invalidRequest(parsed.error, 'arguments').message;
  const [problem] = planProblems(parsed.data.steps, { tools, done });
  return problem ? `${fieldPath('arguments', ['steps', ...problem.path])}: ${problem.message}` : parsed.data.steps;
}

function refusal({ expired, by, comment }: { expired: boolean; by?: string; comment?: string }) {
  const who = expired ? 'Nobody answered in time' : `${by ?? 'A person'} said no`;
  const message = `The plan was not approved. ${who}${comment === undefined ? '' : `: ${comment}`}`;
  return { type: 'ToolDenied' as const, message, step: 'approve' };
}
