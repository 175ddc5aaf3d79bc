import { type Config, refusalOfUrl } from '../config/index.ts';
import type { CallError, Webhook } from '../contract/index.ts';

/** Why a run's webhook cannot be sent, if so. Its delivery checks the same again, as names may change. */
export async function checkWebhook(config: Config, webhook: Webhook | undefined): Promise<CallError | undefined> {
  if (webhook === undefined) return undefined;
  const refusal = await refusalOfUrl(webhook.url, config.webhooks.privateHosts);
  if (refusal === undefined) return undefined;
  return {
    type: 'InvalidRequest',
    message: `options.webhook.url: ${refusal}`,
    hint: 'A webhook goes to the public internet. Allow its host in cadenza.config.ts, under webhooks.privateHosts',
    path: 'options.webhook.url',
  };
}
