import type { Client, WorkflowExecutionStatusName } from '@temporalio/client';
import type { NewEvent } from '../contract/index.ts';
import type { Store } from '../store/index.ts';

const ENDED_BY_TEMPORAL: Partial<Record<WorkflowExecutionStatusName, string>> = {
  TERMINATED: 'The run was terminated',
  TIMED_OUT: 'The run took longer than Temporal was told to let it',
  FAILED: 'The run failed before it could say why; see it in the Temporal UI',
};

/** Writes the end of a run that Temporal ended without its workflow: the event log then says what Temporal says. */
export async function closeEnded(temporal: Client, store: Store, id: string): Promise<void> {
  const run = await store.runs.find(id);
  if (run?.status !== 'running') return;
  const description = await temporal.workflow.getHandle(id).describe();
  const message = ENDED_BY_TEMPORAL[description.status.name];
  if (message === undefined) return;
  const { chain, pattern, startedAt, tenant } = run;
  const end: NewEvent = {
    type: 'run.failed',
    error: { type: description.status.name === 'TIMED_OUT' ? 'Timeout' : 'Cancelled', message },
  };
  await store.events.record({ id, chain, pattern, startedAt, tenant }, [{ ...end, key: `end:${description.runId}` }]);
}
