import type { MiddlewareHandler } from 'hono';
import type { GatewayEnv } from './app.ts';

/** What every answer carries, unless its route says otherwise: a browser is to make nothing of it but what it is. HSTS is left
 *  to whoever puts TLS before the gateway. */
const HEADERS: Record<string, string> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Adds the headers of every answer; of one given while the server closes, that the connection ends with it. What may be a
 *  tenant's is kept by no cache. */
export const answerHeaders: MiddlewareHandler<GatewayEnv> = async (c, next) => {
  await next();
  const { headers } = c.res;
  for (const [name, value] of Object.entries(HEADERS)) if (!headers.has(name)) c.header(name, value);
  // A refusal is an answer of its own, without what was said before it.
  if (!headers.has('x-request-id')) c.header('x-request-id', c.get('requestId'));
  if (!headers.has('cache-control') && c.get('caller')) c.header('cache-control', 'no-store');
  if (c.env?.closing?.aborted) c.header('connection', 'close');
};
