import { isCancellation } from '@temporalio/workflow';
import { STOP_STEP } from '../contract/index.ts';
import { failure } from './failures.ts';
import { host, perRun } from './host.ts';

interface Stops {
  /** by step, of those under way */
  cancels: Map<string, () => void>;
  stopped: Set<string>;
}

/** One workflow hears the Signal once, however many comparisons it makes. */
const heard = perRun((): Stops => {
  const stops: Stops = { cancels: new Map(), stopped: new Set() };
  host().onSignal(STOP_STEP, (step) => {
    stops.stopped.add(step);
    stops.cancels.get(step)?.();
  });
  return stops;
});

/**
 * A step that somebody may stop while the rest of its run goes on: its call is aborted.
 * @throws Cancelled where that happened, as a failure a pattern can go on with; what cancels the run passes through
 */
export async function stoppable<Result>(step: string, act: () => Promise<Result>): Promise<Result> {
  const { cancels, stopped } = heard();
  try {
    return await host().cancellable((cancel) => {
      cancels.set(step, cancel);
      if (stopped.has(step)) cancel();
      return act();
    });
  } catch (thrown) {
    if (!isCancellation(thrown) || !stopped.has(step) || host().isCancelled()) throw thrown;
    throw failure({ type: 'Cancelled', message: 'This step was stopped', hint: 'Fork the run to ask it again', step });
  } finally {
    cancels.delete(step);
  }
}
