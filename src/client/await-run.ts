import { setTimeout as delay } from 'node:timers/promises';
import {
  ActivityExecutionFailedError,
  ActivityNotFoundError,
  type Client,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { TimeoutFailure } from '@temporalio/common';
import { isDirectChain } from '../contract/index.ts';
import type { Store, StoredRun } from '../store/index.ts';
import type { Outcome } from './cadenza.ts';
import { CadenzaError } from './errors.ts';
import { type RunsHere, resultOf } from './executions.ts';
import type { RunFinder } from './find-run.ts';
import { followRun } from './follow-run.ts';
import { CANCELLED, clientError, notFound, resultForgotten, runError } from './outcome.ts';

/** A server that is busy may miss to wake those who wait for the end of a run, until it ends their request after 20 s: it is
 *  looked whether the run has ended, for the first time after so long, and ever more seldom, ms. */
const FIRST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 64_000;

export interface RunAwaiter {
  /** Waits for the result, however long it takes. @param isDirect it began in the direct lane; left out, that is found out
   *  @throws CadenzaError if the run failed or was cancelled */
  result(id: string, isDirect?: boolean): Promise<unknown>;
  /** How a run ended; `running` where it has not within so many ms. */
  outcome(run: StoredRun, withinMs: number): Promise<Outcome>;
}

export function createRunAwaiter(on: { temporal: Client; store: Store; here?: RunsHere }, runs: RunFinder): RunAwaiter {
  const { temporal, store, here } = on;

  async function outcomeOf(id: string, isDirect?: boolean): Promise<Outcome> {
    try {
      const found = await here?.result(id);
      const result = found ? found.result : await wakeful(id, () => resultOf(temporal, id, isDirect));
      return { status: 'completed', result };
    } catch (thrown) {
      if (
        thrown instanceof ActivityExecutionFailedError &&
        thrown.cause instanceof TimeoutFailure &&
        (await wasCancelled(id))
      )
        return CANCELLED;
      if (thrown instanceof WorkflowFailedError || thrown instanceof ActivityExecutionFailedError)
        return runError(thrown);
      if (thrown instanceof WorkflowNotFoundError || thrown instanceof ActivityNotFoundError)
        return unknownToTemporal(id);
      throw clientError(thrown, id);
    }
  }

  /** Of an activity that was lost with its worker meanwhile Temporal says no more than that. */
  async function wasCancelled(id: string): Promise<boolean> {
    await runs.close(id);
    return (await store.runs.find(id))?.status === 'cancelled';
  }

  /** Of a run that Temporal never heard of, or has forgotten, the store knows how it ended. @throws CadenzaError NotFound */
  async function unknownToTemporal(id: string): Promise<Outcome> {
    const { status, error } = (await store.runs.find(id)) ?? {};
    if (status === 'failed' || status === 'cancelled') return { status, error: error ?? CANCELLED.error };
    throw status === 'completed' ? resultForgotten(id) : notFound(id);
  }

  /** Asks, and looks meanwhile whether there is something to wait for: where the run has ended, it asks anew. */
  async function wakeful<Answer>(id: string, ask: () => Promise<Answer>): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    const over = new AbortController();
    const lookAgain = async () => {
      for (let afterMs = FIRST_LOOK_MS; ; afterMs = Math.min(2 * afterMs, LONGEST_LOOK_MS)) {
        await delay(afterMs, undefined, { signal: over.signal });
        const run = await store.runs.find(id).catch(() => undefined);
        if (run && run.status !== 'running') ask().then(answer.resolve, answer.reject);
      }
    };
    ask().then(answer.resolve, answer.reject);
    // Ends when it is over.
    lookAgain().catch(() => {});
    try {
      return await answer.promise;
    } finally {
      over.abort();
    }
  }

  /** Whether a run ends in time, as its events say. A request to Temporal with a deadline is answered at once in its last
   *  second, and repeated by the SDK hundreds of times. */
  async function ends({ id, chain }: StoredRun, waitMs: number): Promise<boolean> {
    const hasEnded = async () => (await runs.show(id)).status !== 'running';
    if (waitMs === 0) return hasEnded();
    const after = await store.runs.newestSeq(chain);
    if (await hasEnded()) return true;
    const signal = AbortSignal.timeout(waitMs);
    for await (const _ of followRun({ store, runs, id, chain, after, signal }));
    return !signal.aborted;
  }

  return {
    async result(id, isDirect) {
      const outcome = await outcomeOf(id, isDirect);
      if (outcome.status === 'completed') return outcome.result;
      if (outcome.status === 'running') throw new Error('unreachable: waited without an end');
      throw new CadenzaError(outcome.status === 'failed' ? 'RunFailed' : 'RunCancelled', outcome.error);
    },
    async outcome(run, withinMs) {
      if (run.status === 'running' && !(await ends(run, withinMs))) return { status: 'running' };
      return outcomeOf(run.id, isDirectChain(run.chain));
    },
  };
}
