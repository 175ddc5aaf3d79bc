import { createRoute } from '@hono/zod-openapi';
import type { GatewayApp, Surroundings } from '../app.ts';
import { linksOf } from '../links.ts';
import { json, refusals } from '../responses.ts';
import { ForkEstimate, ForkRun, RunParams, StartedRun } from '../schemas.ts';

const { badRequest, unauthorized, notFound, tooLarge, notJson, unreachable } = refusals;

const forkRoute = createRoute({
  method: 'post',
  path: '/v1/runs/{id}/fork',
  tags: ['runs'],
  summary: 'Run again from a step on, with another model, prompt or policy',
  description:
    'The steps before are taken from the journal of the old run, for free. The overrides are for `fromStep` alone; later steps are asked anew. With `dryRun`, nothing is started.',
  request: { params: RunParams, body: { required: true, content: { 'application/json': { schema: ForkRun } } } },
  responses: {
    200: json('What it would cost, for a `dryRun`', ForkEstimate),
    202: json('The new run is under way', StartedRun),
    ...badRequest,
    ...unauthorized,
    ...notFound,
    ...tooLarge,
    ...notJson,
    ...unreachable,
  },
});

export function addForkRoute(app: GatewayApp, { client, links }: Surroundings): void {
  app.openapi(forkRoute, async (c) => {
    const made = await client.fork(c.req.valid('param').id, { ...c.req.valid('json'), key: c.get('key') });
    if (!('pattern' in made)) return c.json(made, 200);
    const { id, pattern, isNew } = made;
    const { status } = isNew ? { status: 'running' as const } : await client.show(id);
    return c.json({ id, pattern, status, links: linksOf({ id }, links) }, 202);
  });
}
