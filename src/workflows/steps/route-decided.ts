import type { CallError, PolicyRef, RouteDecision } from '../../contract/index.ts';
import { stepFailed } from '../failures.ts';
import { note, record } from '../run.ts';
import type { Generated } from './generate.ts';

/** What a router chose. */
export interface Routed extends RouteDecision {
  /** what the choice stands for, to be given to `generate`; with alternatives as further candidates */
  policy: PolicyRef;
  /** a cascade's: it has been asked for already */
  answer?: Generated;
}

/** Writes what a router decided to the run's events.
 *  @param key tells it from a decision that failed before it
 *  @param failed the error of a step of its own, after which it took its default */
export async function recordDecision(
  id: string,
  decision: RouteDecision,
  { key = `route.decided:${id}`, failed }: { key?: string; failed?: CallError } = {},
): Promise<void> {
  await record([
    ...(failed?.step ? [stepFailed(failed.step, failed)] : []),
    { type: 'step.started', key: `step.started:${id}`, step: id },
    { type: 'route.decided', key, step: id, data: { ...decision } },
    { type: 'step.completed', key: `step.completed:${id}`, step: id },
  ]);
}

export function noteDecision(id: string, { choice, reason }: RouteDecision): void {
  note(`${id}: ${choice}. ${reason}`);
}
