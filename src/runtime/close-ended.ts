import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { firstRunOf, type NewEvent, RunOptions, type RunRef } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { startArguments } from './start-arguments.ts';

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
  isRun: (description: WorkflowExecutionDescription) => boolean = () => false,
): Promise<boolean> {
  const run = await store.runs.find(id);
  if (run && run.status !== 'running') return true;
  const description = await temporal.workflow.getHandle(id).describe();
  const end = endOf(description, run?.costUsd ?? 0);
  if (!end) return false;
  if (run && (firstRunOf(run.chain) ?? firstRun(description)) !== firstRun(description)) return true;
  if (run || isRun(description)) {
    const ref = run ? refOf(run) : await refOfUnheard(temporal, description);
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
}

/** The id of a run's first history, by which its chain is known. */
export function firstRun({ raw, runId }: WorkflowExecutionDescription): string {
  return raw.workflowExecutionInfo?.firstRunId || runId;
}

function endOf({ status }: WorkflowExecutionDescription, costUsd: number | null): NewEvent | undefined {
  switch (status.name) {
    case 'COMPLETED':
      return { type: 'run.completed', costUsd };
    case 'CANCELLED':
      return { type: 'run.cancelled' };
    case 'TERMINATED':
      return failed('Cancelled', 'The run was terminated');
    case 'TIMED_OUT':
      return failed('Timeout', 'The run took longer than Temporal was told to let it');
    case 'FAILED':
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
async function refOfUnheard(temporal: Client, description: WorkflowExecutionDescription): Promise<RunRef> {
  const { workflowId: id, type: pattern, startTime } = description;
  const chain = firstRun(description);
  const [, given] = await startArguments(temporal, id, chain).catch(() => []);
  const { webhook: _, ...options } = RunOptions.safeParse(given ?? {}).data ?? {};
  return { ...options, id, chain, pattern, startedAt: startTime.toISOString() };
}
