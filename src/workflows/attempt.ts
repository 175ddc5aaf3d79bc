import { isCancellation } from '@temporalio/workflow';
import type { CallError } from '../contract/index.ts';
import { callErrorOf, stepFailed } from './failures.ts';
import { note, record } from './run.ts';

/** What was asked for, or the error it ended with: for patterns in which one model failing does not fail the run.
 *  The failure is told to readers as `step.failed`. */
export async function attempt<Value extends object>(
  asked: Promise<Value>,
  step: string,
): Promise<Value | { error: CallError }> {
  try {
    return await asked;
  } catch (thrown) {
    if (isCancellation(thrown)) throw thrown;
    const error = callErrorOf(thrown);
    const at = error.step ?? step;
    await record([stepFailed(at, error)]);
    note(`${at}: left out, ${error.type}`);
    return { error };
  }
}

/** Why a run in which nobody answered failed: with the type of the last error. */
export function noneAnswered(who: string, errors: { model?: string; error: CallError }[], step?: string): CallError {
  const said = errors.map(({ model, error }) => `${model ?? error.model ?? error.step}: ${error.message}`).join('; ');
  return {
    type: errors.at(-1)?.error.type ?? 'Unavailable',
    message: `None of ${errors.length} ${who} answered. ${said}`,
    step,
  };
}
