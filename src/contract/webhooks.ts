import { z } from 'zod';
import { CallError } from './errors.ts';
import { later } from './later.ts';

/** The environment variable with the secret webhooks are signed with, where a run does not name another. */
export const WEBHOOK_SECRET = 'CADENZA_WEBHOOK_SECRET';

/** Who is told when the run has ended. */
export const Webhook = later(() =>
  z.strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'A webhook is sent to an http:// or https:// address' })
      .refine((url) => !hasCredentials(url), 'An address must not hold a user name or password'),
    // Only names of this form, so that nobody outside can have a message signed with another secret of the process.
    secretEnv: z
      .string()
      .regex(/^([A-Z0-9_]+_)?WEBHOOK_SECRET$/, 'The name of a variable that ends with WEBHOOK_SECRET')
      .optional(),
  }),
);
export type Webhook = z.infer<typeof Webhook>;

function hasCredentials(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return username !== '' || password !== '';
}

/** The body of a webhook, as Standard Webhooks words it. */
export const WebhookMessage = later(() =>
  z.object({
    type: z.enum(['run.completed', 'run.failed', 'run.cancelled']),
    /** ISO time at which the run ended */
    timestamp: z.string(),
    data: z.object({
      id: z.string(),
      pattern: z.string(),
      status: z.enum(['completed', 'failed', 'cancelled']),
      tenant: z.string().optional(),
      metadata: z.record(z.string(), z.unknown()).optional(),
      costUsd: z.number().nullable(),
      error: CallError.optional(),
      /** addresses at the gateway: paths where the config has no `gatewayUrl` */
      links: z.record(z.string(), z.string()),
    }),
  }),
);
export type WebhookMessage = z.infer<typeof WebhookMessage>;

/** The input of the activity `deliverWebhook`. */
export const WebhookDelivery = later(() =>
  z.object({
    /** the same for every attempt: receivers drop what they have seen */
    messageId: z.string(),
    to: Webhook,
    message: WebhookMessage,
  }),
);
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;
