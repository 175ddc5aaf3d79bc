import { createRoute, z } from '@hono/zod-openapi';
import { CadenzaError } from '../../client/errors.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { json, refusals } from '../responses.ts';

const Health = z.object({ status: z.literal('ok') }).openapi('Health');

const liveRoute = createRoute({
  method: 'get',
  path: '/health/live',
  tags: ['operations'],
  summary: 'Whether this process answers',
  responses: { 200: json('It does', Health) },
});

const readyRoute = createRoute({
  method: 'get',
  path: '/health/ready',
  tags: ['operations'],
  summary: 'Whether Temporal and the store can be reached',
  responses: { 200: json('They can', Health), ...refusals.unreachable },
});

export function addHealthRoutes(app: GatewayApp, { client, log }: Surroundings): void {
  app.openapi(liveRoute, (c) => c.json({ status: 'ok' as const }, 200));

  app.openapi(readyRoute, async (c) => {
    try {
      await client.ready();
    } catch (error) {
      if (error instanceof CadenzaError) throw error;
      log.error({ err: error }, 'not ready');
      const message = 'Temporal or the store cannot be reached.';
      throw new CadenzaError('NotReachable', { type: 'Unavailable', message, hint: 'cadenza doctor says which.' });
    }
    return c.json({ status: 'ok' as const }, 200);
  });
}
