import type { Client } from '@temporalio/client';
import { decodeArrayFromPayloads, ExternalStorageRunner } from '@temporalio/common/lib/internal-non-workflow/index.js';

/** What a workflow was started with: its history begins with that. @param runId of its first history, else its newest
 *  @throws the error of Temporal's client, NOT_FOUND once the history is gone */
export async function startArguments(temporal: Client, id: string, runId?: string): Promise<unknown[]> {
  const { history } = await temporal.workflowService.getWorkflowExecutionHistory({
    namespace: temporal.options.namespace,
    execution: { workflowId: id, runId },
    maximumPageSize: 1,
  });
  const payloads = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  const { loadedDataConverter: converter } = temporal.options;
  // Large ones are references to blobs, which only the calls of Temporal's own client follow by themselves.
  const { externalStorage } = converter;
  const whole = externalStorage ? await new ExternalStorageRunner(externalStorage).retrieve(payloads) : payloads;
  return decodeArrayFromPayloads(converter, whole);
}
