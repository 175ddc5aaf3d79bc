import { Webhook } from 'standardwebhooks';

/** Signs and verifies as Standard Webhooks says. @param secret `whsec_` and base64, or any text, whose bytes are the key */
export function webhookSigner(secret: string): Webhook {
  if (secret.startsWith('whsec_')) return new Webhook(secret);
  return new Webhook(Buffer.from(secret), { format: 'raw' });
}
