import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import type { GatewayEnv } from './app.ts';
import { problem, problemResponse } from './problem.ts';

/** Lets only bearers of one of the keys pass; without keys, everybody. */
export function requireKey(apiKeys: string[]): MiddlewareHandler<GatewayEnv> {
  const digests = apiKeys.map(digest);
  return async (c, next) => {
    if (digests.length === 0 || isOneOf(digests, c.req.header('authorization'))) return next();
    const refusal = problem(401, 'Unauthorized', 'An API key is needed', 'The request carries no API key known here.', {
      hint: 'Send the header Authorization: Bearer <one of CADENZA_API_KEYS>',
    });
    const response = problemResponse(refusal, c.get('requestId'));
    response.headers.set('www-authenticate', 'Bearer');
    return response;
  };
}

// Equal lengths by hashing, and every key compared: the time taken says nothing about any key.
function isOneOf(digests: Buffer[], authorization = ''): boolean {
  const [, key] = /^Bearer\s+(\S+)\s*$/i.exec(authorization) ?? [];
  if (key === undefined) return false;
  const given = digest(key);
  return digests.map((known) => timingSafeEqual(known, given)).includes(true);
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
