import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import type { GatewayEnv } from './app.ts';
import { problem, problemResponse } from './problem.ts';

/** Lets only bearers of one of the keys pass, and says which by its name; without keys, everybody. */
export function requireKey(apiKeys: string[]): MiddlewareHandler<GatewayEnv> {
  const digests = apiKeys.map(digest);
  return async (c, next) => {
    if (digests.length === 0) return next();
    const given = digestOf(c.req.header('authorization'));
    if (given && isOneOf(digests, given)) {
      c.set('key', nameOf(given));
      return next();
    }
    const refusal = problem(401, 'Unauthorized', 'An API key is needed', 'The request carries no API key known here.', {
      hint: 'Send the header Authorization: Bearer <one of CADENZA_API_KEYS>',
    });
    const response = problemResponse(refusal, c.get('requestId'));
    response.headers.set('www-authenticate', 'Bearer');
    return response;
  };
}

// Equal lengths by hashing, and every key compared: the time taken says nothing about any key.
function isOneOf(digests: Buffer[], given: Buffer): boolean {
  return digests.map((known) => timingSafeEqual(known, given)).includes(true);
}

function digestOf(authorization = ''): Buffer | undefined {
  const [, key] = /^Bearer\s+(\S+)\s*$/i.exec(authorization) ?? [];
  return key === undefined ? undefined : digest(key);
}

/** What budgets, runs and bills call a key. It tells nothing of a key that was made at random. */
function nameOf(given: Buffer): string {
  return given.toString('hex').slice(0, 12);
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
