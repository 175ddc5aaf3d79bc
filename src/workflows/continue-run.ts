import { continueAsNew } from '@temporalio/workflow';
import { publishTotals } from './spending.ts';

/**
 * Goes on with the run in a new history: the same run to everybody, with its events, bill and numbers of steps (see
 * interceptor.ts). Updates that have begun must have ended before: Temporal would fail them.
 * @param args the arguments of the workflow, with whatever it needs to go on
 */
export async function continueRun(...args: unknown[]): Promise<never> {
  publishTotals();
  return continueAsNew(...args);
}
