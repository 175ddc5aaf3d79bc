import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ParentClosePolicy } from '@temporalio/workflow';
import type { CallError, WebhookDelivery, WebhookMessage } from '../contract/index.ts';
import { host } from './host.ts';
import { currentRun, patternsQueue, runOptions } from './run.ts';
import { totalUsd } from './spending.ts';

/**
 * Has whoever the run names told of its end, by a workflow that goes on when the run is closed. Waits until that has been
 * started, which takes a hop: Temporal starts no child of a workflow that is closed.
 */
export async function announce(type: WebhookMessage['type'], error?: CallError): Promise<void> {
  const { webhook: to } = runOptions();
  if (to === undefined) return;
  const info = host().workflowInfo();
  const delivery: WebhookDelivery = { messageId: `evt_${info.runId}`, to, message: messageOf(type, error) };
  try {
    await host().startChild('webhook', {
      workflowId: `${info.workflowId}/webhook/${info.runId.slice(0, 8)}`,
      taskQueue: await patternsQueue(),
      args: [delivery],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `${type} of ${info.workflowId}`,
    });
  } catch (thrown) {
    if (!(thrown instanceof WorkflowExecutionAlreadyStartedError)) throw thrown;
  }
}

function messageOf(type: WebhookMessage['type'], error?: CallError): WebhookMessage {
  const { id, pattern, tenant, metadata } = currentRun().ref;
  const self = `/v1/runs/${encodeURIComponent(id)}`;
  return {
    type,
    timestamp: new Date().toISOString(),
    data: {
      id,
      pattern,
      status: STATUS[type],
      tenant,
      metadata,
      costUsd: Number(totalUsd().toFixed(12)),
      error,
      links: { self, result: `${self}/result`, events: `${self}/events`, bill: `${self}/bill` },
    },
  };
}

const STATUS = {
  'run.completed': 'completed',
  'run.failed': 'failed',
  'run.cancelled': 'cancelled',
} as const;
