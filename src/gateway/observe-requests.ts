import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { inServerSpan } from '../telemetry/index.ts';
import type { GatewayEnv, Surroundings } from './app.ts';

/** Each request in a span of its own, which goes on with the caller's trace; counted, and told to the log. */
export function observeRequests({
  log,
  metrics,
}: Pick<Surroundings, 'log' | 'metrics'>): MiddlewareHandler<GatewayEnv> {
  return (c, next) => {
    const began = performance.now();
    const { method, path } = c.req;
    return inServerSpan({ method, path, header: (name) => c.req.header(name) }, async () => {
      await next();
      const { status } = c.res;
      // The last of those that matched is the route; where none did, callers' paths are not told apart.
      const matched = routePath(c, -1);
      const route = matched.endsWith('*') ? (status === 404 ? '_OTHER' : matched) : matched;
      const ms = performance.now() - began;
      metrics.answered({ method, route, status }, ms / 1_000);
      log.debug({ requestId: c.get('requestId'), method, path, status, ms: Math.round(ms) }, 'answered');
      return { route, status };
    });
  };
}
