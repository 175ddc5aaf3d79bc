import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { GatewayEnv } from './app.ts';
import { problem, problemResponse } from './problem.ts';

const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** Refuses a body that is too large before it is read. */
export const limitBody: MiddlewareHandler<GatewayEnv> = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: (c) =>
    problemResponse(
      problem(413, 'InvalidRequest', 'The body is too large', 'The body of a request is at most 16 MB.', {
        hint: 'Give large documents by reference, or split the work into several runs.',
      }),
      c.get('requestId'),
    ),
});
