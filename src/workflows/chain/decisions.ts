import { type ChainStep, type Condition, conditionText, idsIn } from '../../contract/index.ts';
import { note, record } from '../run.ts';
import { stepId } from '../step-id.ts';

/** Tells whoever reads the run that a step was left out, and why. */
export async function decideSkip(step: ChainStep, when: Condition): Promise<void> {
  await decided(step, 'skip', `not so: ${conditionText(when)}`);
}

/** Tells after how many rounds a loop ended, and why. */
export async function decideLoop(
  step: ChainStep,
  { until, max }: { until?: Condition; max: number },
  round: number,
  accepted: boolean,
): Promise<void> {
  if (!until) return;
  const reason = accepted ? conditionText(until) : `still not so after ${max} rounds: ${conditionText(until)}`;
  await decided(step, `end after round ${round}`, reason);
}

async function decided(step: ChainStep, choice: string, reason: string): Promise<void> {
  const name = step.id ?? idsIn(step).join('+');
  note(`${name}: ${choice}, ${reason}`);
  // A step in a loop may be skipped in each round, hence the number.
  const key = `route.decided:${stepId(`${name} · decision`)}`;
  await record([{ type: 'route.decided', key, step: name, data: { choice, reason } }]);
}
