import {
  ActivityExecutionFailedError,
  type Client,
  type ConnectionLike,
  isGrpcCancelledError,
  isGrpcDeadlineError,
  ServiceError,
  WorkflowFailedError,
} from '@temporalio/client';
import { isDirectChain } from '../contract/index.ts';
import type { Store, StoredRun } from '../store/index.ts';
import type { Outcome } from './cadenza.ts';
import { CadenzaError } from './errors.ts';
import { type RunsHere, resultOf } from './executions.ts';
import type { RunFinder } from './find-run.ts';
import { followRun } from './follow-run.ts';
import { clientError, runError } from './outcome.ts';

/** The timer of a connection may end a little before ours, ms. */
const CLOCKS_DIFFER_MS = 50;
/** What is no wait is a look, which takes a moment too, ms. */
const SHORTEST_WAIT_MS = 250;

export interface RunAwaiter {
  /** Waits for the result, however long it takes. @param isDirect it began in the direct lane; left out, that is found out
   *  @throws CadenzaError if the run failed or was cancelled */
  result(id: string, isDirect?: boolean): Promise<unknown>;
  /** How a run ended; `running` where it has not within so many ms. */
  outcome(run: StoredRun, withinMs: number): Promise<Outcome>;
}

export function createRunAwaiter(
  on: { temporal: Client; connection: ConnectionLike; store: Store; here?: RunsHere },
  runs: RunFinder,
): RunAwaiter {
  const { temporal, connection, store, here } = on;

  /** @param deadline of the wait, ms since 1970: one that runs out is no error, in whatever words a connection tells it */
  async function outcomeOf(id: string, isDirect?: boolean, deadline = Number.POSITIVE_INFINITY): Promise<Outcome> {
    try {
      const found = await here?.result(id);
      return { status: 'completed', result: found ? found.result : await resultOf(temporal, id, isDirect) };
    } catch (thrown) {
      if (thrown instanceof WorkflowFailedError || thrown instanceof ActivityExecutionFailedError)
        return runError(thrown);
      const cause = thrown instanceof ServiceError ? thrown.cause : thrown;
      const ranOut =
        isGrpcDeadlineError(cause) || (isGrpcCancelledError(cause) && Date.now() >= deadline - CLOCKS_DIFFER_MS);
      if (ranOut) return { status: 'running' };
      throw clientError(thrown, id);
    }
  }

  /** Whether a run ends in time, as its events say: Temporal has no wait for an activity that a deadline ends well. */
  async function ends({ id, chain }: StoredRun, waitMs: number): Promise<boolean> {
    const after = await store.runs.newestSeq(chain);
    if ((await runs.show(id)).status !== 'running') return true;
    const signal = AbortSignal.timeout(waitMs);
    for await (const _ of followRun({ store, runs, id, chain, after, signal }));
    return !signal.aborted;
  }

  return {
    async result(id, isDirect) {
      const outcome = await outcomeOf(id, isDirect);
      if (outcome.status === 'completed') return outcome.result;
      if (outcome.status === 'running') throw new Error('unreachable: waited without a deadline');
      throw new CadenzaError(outcome.status === 'failed' ? 'RunFailed' : 'RunCancelled', outcome.error);
    },
    async outcome(run, withinMs) {
      const { id, chain, status } = run;
      // How it ended is asked of Temporal, however long that takes: a busy one would be said to go on.
      if (status !== 'running') return outcomeOf(id);
      const waitMs = Math.max(SHORTEST_WAIT_MS, withinMs);
      if (isDirectChain(chain)) return (await ends(run, waitMs)) ? outcomeOf(id, true) : { status: 'running' };
      const deadline = Date.now() + waitMs;
      return connection.withDeadline(deadline, () => outcomeOf(id, false, deadline));
    },
  };
}
