import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { type Caller, isPermitted, type Permission } from '../contract/index.ts';
import type { GatewayEnv } from './app.ts';
import { ProblemError, problem } from './problem.ts';

/** Lets only callers pass whose key permits it, and gives the route their client. */
export function requirePermission(may: Permission | 'anyone'): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    if (may !== 'anyone') {
      const caller = callerOf(c);
      if (!isPermitted(caller.role, may)) throw forbidden(caller, may);
      c.set('caller', caller);
      c.set('client', c.get('surroundings').client);
    }
    await next();
  };
}

/** @throws ProblemError 401 */
function callerOf(c: Context<GatewayEnv>): Caller {
  const { apiKeys } = c.get('surroundings');
  if (apiKeys.length === 0) return { role: 'admin' };
  // Anthropic's clients send their key so.
  const given = digestOf(c.req.header('authorization'), c.req.header('x-api-key'));
  if (given && isOneOf(apiKeys.map(digest), given)) return { role: 'admin', key: nameOf(given) };
  throw new ProblemError(
    problem(401, 'Unauthorized', 'An API key is needed', 'The request carries no API key known here.', {
      hint: 'Send the header Authorization: Bearer <one of CADENZA_API_KEYS>',
    }),
  );
}

function forbidden({ role }: Caller, may: Permission): ProblemError {
  const detail = `An API key with the role ${role} may not ${may}.`;
  const hint = 'Use a key of another role: GET /v1/keys lists them for admins.';
  return new ProblemError(problem(403, 'Forbidden', 'Not for this API key', detail, { hint }));
}

// Equal lengths by hashing, and every key compared: the time taken says nothing about any key.
function isOneOf(digests: Buffer[], given: Buffer): boolean {
  return digests.map((known) => timingSafeEqual(known, given)).includes(true);
}

function digestOf(authorization = '', apiKey = ''): Buffer | undefined {
  const [, key = apiKey] = /^Bearer\s+(\S+)\s*$/i.exec(authorization) ?? [];
  return key === '' ? undefined : digest(key);
}

/** What budgets, runs and bills call a key. It tells nothing of a key that was made at random. */
function nameOf(given: Buffer): string {
  return given.toString('hex').slice(0, 12);
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
