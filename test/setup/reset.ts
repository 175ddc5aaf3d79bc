import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';

/** Resets a run to the end of its first workflow task: everything after it is done anew.
 *  @param run the newest of the id, where it is left out. @returns the new run id */
export async function resetToStart(temporal: Client, id: string, run?: string): Promise<string> {
  const { runId } = await temporal.workflow.getHandle(id, run).describe();
  const reset = await temporal.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: id, runId },
    reason: 'test',
    requestId: randomUUID(),
    workflowTaskFinishEventId: 4 as never,
  });
  return reset.runId!;
}
