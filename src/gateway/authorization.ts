import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import {
  type Caller,
  identitiesOfCaller,
  isPermitted,
  KEY_PREFIX,
  type Origin,
  type Permission,
} from '../contract/index.ts';
import type { GatewayEnv } from './app.ts';
import { assertOfThisMachine } from './open-gateway.ts';
import { ProblemError, problem } from './problem.ts';
import { isEventStream, whileKeyHolds } from './while-key-holds.ts';

/** Has the path of the codec server, and is sent nowhere else (routes/codec.ts). */
export const CODEC_COOKIE = 'cadenza_codec';

/** Lets only callers pass whose key permits it, and gives the route their client. To `oversee` the installation is for those
 *  who belong to no tenant. */
export function requirePermission(may: Permission | 'anyone' | 'oversee'): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    if (may !== 'anyone') {
      const secret = secretIn(c);
      const caller = await callerOf(c, secret);
      if (may !== 'oversee') assertPermitted(caller, may);
      else if (caller.tenant !== undefined) throw forbidden(caller, may);
      c.set('caller', caller);
      const { client } = c.get('surroundings');
      c.set('client', client.as({ ...caller, from: originOf(c) }));
      await next();
      if (secret?.startsWith(KEY_PREFIX) && isEventStream(c.res))
        c.res = whileKeyHolds(c.res, (onEnd) => client.keys.watch(secret, onEnd));
      return;
    }
    await next();
  };
}

/** For the audit log. The address is that of the connection: before a proxy, the proxy's. */
export function originOf(c: Context<GatewayEnv>): Origin {
  return { via: 'http', address: c.env?.incoming?.socket.remoteAddress };
}

/** @throws ProblemError 403 where the key of a request does not permit what else it asks for */
export function assertPermitted(caller: Caller, may: Permission): void {
  if (!isPermitted(caller.role, may)) throw forbidden(caller, may);
}

/** Whom the key of a request stands for: the key alone counts. Undefined where no keys are asked for. */
export function identitiesOf(caller: Caller, people: Record<string, string[]>): string[] | undefined {
  return caller.key === undefined ? undefined : identitiesOfCaller(caller, people);
}

/** Of CADENZA_API_KEYS, or stored; where the gateway is open, only who shows a stored key is somebody.
 *  @throws ProblemError 401, 429 */
export async function callerOf(c: Context<GatewayEnv>, secret = secretIn(c)): Promise<Caller> {
  const { apiKeys, open, cors, client } = c.get('surroundings');
  if (secret?.startsWith(KEY_PREFIX)) {
    const stored = await client.keys.verify(secret);
    if (stored) return admitted(stored, await client.keys.admit(stored));
  }
  // OpenAI's clients send some key always.
  if (open && !secret?.startsWith(KEY_PREFIX)) {
    assertOfThisMachine(c, cors);
    return { role: 'admin' };
  }
  const known = digest(secret ?? '');
  if (secret && isOneOf(apiKeys.map(digest), known)) return { role: 'admin', key: nameOf(known) };
  throw new ProblemError(
    problem(401, 'Unauthorized', 'An API key is needed', 'The request carries no API key known here.', {
      hint: 'Send the header Authorization: Bearer <key>. A key is made by: npx cadenza keys create <name>',
    }),
  );
}

/** Anthropic's clients send their key as `x-api-key`; a browser that signed in to the codec server, to that alone. */
function secretIn(c: Context<GatewayEnv>): string | undefined {
  return secretOf(c.req.header('authorization'), c.req.header('x-api-key') ?? getCookie(c, CODEC_COOKIE));
}

function admitted(caller: Caller, waitMs: number): Caller {
  if (waitMs === 0) return caller;
  const retryAfterSeconds = Math.ceil(waitMs / 1_000);
  const detail = `This API key may make ${caller.requestsPerMinute} requests a minute, and has made them.`;
  throw new ProblemError(
    problem(429, 'RateLimited', 'The API key has asked too often', detail, {
      hint: `Ask again in ${retryAfterSeconds} s.`,
      retryAfterSeconds,
    }),
  );
}

function forbidden({ role, tenant }: Caller, may: Permission | 'oversee'): ProblemError {
  const detail = `An API key ${may === 'oversee' ? `of the tenant ${tenant}` : `with the role ${role}`} may not ${may}.`;
  const hint = 'Use a key of another role: GET /v1/keys lists them for admins.';
  return new ProblemError(problem(403, 'Forbidden', 'Not for this API key', detail, { hint }));
}

// Equal lengths by hashing, and every key compared: the time taken says nothing about any key.
function isOneOf(digests: Buffer[], given: Buffer): boolean {
  return digests.map((known) => timingSafeEqual(known, given)).includes(true);
}

function secretOf(authorization = '', apiKey = ''): string | undefined {
  const [, secret = apiKey] = /^Bearer\s+(\S+)\s*$/i.exec(authorization) ?? [];
  return secret === '' ? undefined : secret;
}

/** What budgets, runs and bills call a key of CADENZA_API_KEYS. It tells nothing of a key that was made at random. */
function nameOf(given: Buffer): string {
  return given.toString('hex').slice(0, 12);
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
