import { Context, getClient } from '@temporalio/activity';
import { awaitStore } from '../activities/await-store.ts';
import { heartbeat } from '../activities/heartbeat.ts';
import { type BegunRun, chainOfDirect, type DirectPattern, HANDED_OVER, type RunOptions } from '../contract/index.ts';
import { orNothing } from '../runtime/describe-run.ts';
import type { Store } from '../store/index.ts';
import type { PerformDirect } from './perform-direct.ts';
import type { WorkedHere } from './runs-here.ts';
import { untilLetGo } from './until-let-go.ts';

/** The activity of the direct lane: a whole run of a pattern. Killed, it is done again, and has its finished calls from the
 *  journal. Where it must wait for long, a workflow of the run's id goes on, which has them from there too. A run that a
 *  process has begun already is waited for.
 *  @returns the pattern's result, or `HANDED_OVER` */
export function createRunDirect(
  perform: PerformDirect,
  store: Pick<Store, 'events' | 'processes'>,
  here?: Pick<WorkedHere, 'adopt'>,
) {
  return async (
    pattern: DirectPattern,
    input: unknown,
    options: RunOptions = {},
    begun?: BegunRun,
  ): Promise<unknown> => {
    const { info, cancellationSignal: signal } = Context.current();
    const { activityId: id, activityRunId, taskQueue, scheduledTimestampMs } = info;
    const temporal = getClient();
    const stopHeartbeat = heartbeat();
    try {
      const mine = begun && here?.adopt(id, signal);
      if (mine) return await mine;
      if (begun) await waitFor(begun);
      // An earlier attempt may have gone so far, and no further.
      const takesOver = begun !== undefined || info.attempt > 1;
      if (takesOver && (await isHandedOver())) return HANDED_OVER;
      const chain = begun?.chain ?? chainOfDirect(activityRunId!);
      return await perform(temporal, {
        ...{ id, pattern, input, options, taskQueue, startedAt: new Date(scheduledTimestampMs), chain },
        runId: activityRunId!,
        failed: takesOver ? await awaitStore(signal, () => store.events.failuresOf(chain)) : undefined,
      });
    } finally {
      stopHeartbeat();
    }

    /** Another process has it, which hears from here that the run is cancelled. */
    async function waitFor(run: BegunRun): Promise<void> {
      const { processes } = store;
      if (run.by === processes.self) return;
      const stop = () => {
        const reason = (signal.reason as Error | undefined)?.message === 'CANCELLED' ? 'cancelled' : 'lost';
        processes.stop(id, reason).catch(() => {});
      };
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      await untilLetGo(store, id, run, { signal, over: isHandedOver });
      signal.removeEventListener('abort', stop);
    }

    async function isHandedOver(): Promise<boolean> {
      return (await orNothing(temporal.workflow.getHandle(id).describe())) !== undefined;
    }
  };
}
