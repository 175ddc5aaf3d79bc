import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';

/** The activities of a run as its history shows them, in the order they were scheduled. */
export async function activitiesOf(temporal: Client, id: string) {
  const { events = [] } = await temporal.workflow.getHandle(id).fetchHistory();
  const failed = new Set(events!.map((event) => event.activityTaskFailedEventAttributes?.scheduledEventId?.toString()));
  return events!
    .filter((event) => event.activityTaskScheduledEventAttributes)
    .map((event) => ({
      type: event.activityTaskScheduledEventAttributes!.activityType!.name,
      summary: event.userMetadata?.summary
        ? String(defaultPayloadConverter.fromPayload(event.userMetadata.summary))
        : undefined,
      failed: failed.has(event.eventId?.toString()),
    }));
}

/** After how many seconds without a word the worker of each activity is taken for dead; 0: never. */
export async function heartbeatSeconds(temporal: Client, id: string): Promise<[activity: string, seconds: number][]> {
  const { events = [] } = await temporal.workflow.getHandle(id).fetchHistory();
  return events!
    .map((event) => event.activityTaskScheduledEventAttributes)
    .filter((scheduled) => scheduled != null)
    .map(({ activityType, heartbeatTimeout }) => [activityType!.name!, Number(heartbeatTimeout?.seconds ?? 0)]);
}

/** Bytes of a run's history, as the server counts them. */
export async function historyBytes(temporal: Client, id: string): Promise<number> {
  const description = await temporal.workflow.getHandle(id).describe();
  return Number(description.raw.workflowExecutionInfo?.historySizeBytes ?? 0);
}
