import { z } from '@hono/zod-openapi';
import { CadenzaError } from '../../client/errors.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { requirePermission } from '../authorization.ts';
import { json, route } from '../route.ts';

const Health = z.object({ status: z.literal('ok') }).openapi('Health');

const Ready = Health.extend({
  slots: z
    .record(z.string(), z.object({ used: z.int(), of: z.int() }))
    .optional()
    .describe('Calls that the worker in this process makes, and how many it may make at once, by lane'),
  full: z.boolean().optional().describe('True where further calls wait, until one ends or another worker takes them'),
}).openapi('Ready');

const liveRoute = route({
  may: 'anyone',
  method: 'get',
  path: '/health/live',
  tags: ['operations'],
  summary: 'Whether this process answers',
  answers: { 200: json('It does', Health) },
});

const readyRoute = route({
  may: 'anyone',
  method: 'get',
  path: '/health/ready',
  tags: ['operations'],
  summary: 'Whether Temporal and the store can be reached',
  answers: { 200: json('They can', Ready) },
});

export function addHealthRoutes(app: GatewayApp, { client, log, slots, metrics }: Surroundings): void {
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
    const taken = slots?.();
    const full = taken && Object.values(taken).some(({ used, of }) => used >= of);
    return c.json({ status: 'ok' as const, slots: taken, full }, 200);
  });

  app.get('/metrics', requirePermission('oversee'), async (c) =>
    c.text(await metrics.text(), 200, { 'content-type': metrics.contentType }),
  );
}
