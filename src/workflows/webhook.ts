import { proxyActivities } from '@temporalio/workflow';
import type { CadenzaActivities, WebhookDelivery } from '../contract/index.ts';

/**
 * Tell an address how a run ended, trying for a day.
 *
 *   POST --not 2xx--> wait 1 s, 2 s, 4 s, ... 1 h --> POST --2xx--> done
 *
 * A workflow of its own, so that the run it tells of is over when it is over.
 */
export async function webhook(delivery: WebhookDelivery): Promise<void> {
  const { deliverWebhook } = proxyActivities<CadenzaActivities>({
    summary: `${delivery.message.type} to ${new URL(delivery.to.url).host}`,
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: '1 day',
    heartbeatTimeout: '8 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 hour' },
  });
  await deliverWebhook(delivery);
}
