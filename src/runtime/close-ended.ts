import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { firstRunOf, isBegunHere, type NewEvent, RUN_DIRECT, RunOptions, type RunRef } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { describeRun, orNothing, type RunDescription } from './describe-run.ts';

/** Of a run that a process began, and was lost before it could tell Temporal: sooner it may still be about to, ms. */
const UNKNOWN_AFTER_MS = 120_000;

/**
 * Writes the end of a run that Temporal closed without a word of its workflow: terminated, timed out, or one of a user's
 * own that uses no step. The event log then says what Temporal says, and whoever follows it comes to its end.
 * @param isRun whether a workflow the store has never heard of is a run, and so gets its end there too
 * @returns whether Temporal has closed it
 */
export async function closeEnded(
  temporal: Client,
  store: Store,
  id: string,
  isRun: (description: RunDescription) => boolean = () => false,
): Promise<boolean> {
  const run = await store.runs.find(id);
  if (run && run.status !== 'running') return true;
  const description = await describeRun(temporal, id, run?.chain).catch((thrown) => {
    if (thrown instanceof WorkflowNotFoundError && run && isLost(run)) return undefined;
    throw thrown;
  });
  if (!description) {
    const error = { type: 'ConnectionLost', message: 'The process that began this run was lost with it' } as const;
    await store.events.record(refOf(run!), [{ type: 'run.failed', error, key: 'end:lost' }]);
    return true;
  }
  const end = endOf(description, run?.costUsd ?? 0);
  if (!end) return false;
  if (run && (firstRunOf(run.chain) ?? description.chain) !== description.chain) return true;
  if (run || isRun(description)) {
    const ref = run ? refOf(run) : await refOfUnheard(description);
    await store.events.record(ref, [{ ...end, key: `end:${description.runId}` }]);
  }
  return true;
}

/** The same for all runs that Temporal closed on its own since then: nobody may ever ask for them, and what is never said
 *  to have ended is never forgotten either. @param since ms since 1970 */
export async function closeEndedSince(temporal: Client, store: Store, since: number): Promise<void> {
  const closed = `ExecutionStatus IN ('Terminated', 'TimedOut') AND CloseTime > '${new Date(since).toISOString()}'`;
  for await (const { workflowId } of temporal.workflow.list({ query: `${closed} AND CadenzaPattern IS NOT NULL` })) {
    if (await store.runs.find(workflowId)) await closeEnded(temporal, store, workflowId);
  }
  for (const id of await store.runs.begunBefore(new Date(Date.now() - UNKNOWN_AFTER_MS))) {
    await orNothing(closeEnded(temporal, store, id));
  }
  const direct = temporal.activity.list(`ActivityType = '${RUN_DIRECT}' AND ${closed}`);
  for (const { activityId } of (await orNothing(Array.fromAsync(direct))) ?? []) {
    if (await store.runs.find(activityId)) await closeEnded(temporal, store, activityId);
  }
}

function isLost({ chain, startedAt }: RunRef): boolean {
  return isBegunHere(chain) && Date.now() - Date.parse(startedAt) > UNKNOWN_AFTER_MS;
}

function endOf({ status }: RunDescription, costUsd: number | null): NewEvent | undefined {
  switch (status) {
    case 'completed':
      return { type: 'run.completed', costUsd };
    case 'cancelled':
      return { type: 'run.cancelled' };
    case 'terminated':
      return failed('Cancelled', 'The run was terminated');
    case 'timedOut':
      return failed('Timeout', 'The run took longer than Temporal was told to let it');
    case 'failed':
      return failed('Cancelled', 'The run failed before it could say why; see it in the Temporal UI');
    default:
      return undefined;
  }
}

function failed(type: 'Cancelled' | 'Timeout', message: string): NewEvent {
  return { type: 'run.failed', error: { type, message } };
}

function refOf({ id, chain, pattern, startedAt, tenant }: RunRef): RunRef {
  return { id, chain, pattern, startedAt, tenant };
}

/** What no worker has told of it stands in its history: whose it is, above all. */
async function refOfUnheard({ id, pattern, chain, startedAt, startedWith }: RunDescription): Promise<RunRef> {
  const [, given] = await startedWith().catch(() => []);
  const { webhook: _, ...options } = RunOptions.safeParse(given ?? {}).data ?? {};
  return { ...options, id, chain, pattern, startedAt: startedAt.toISOString() };
}
