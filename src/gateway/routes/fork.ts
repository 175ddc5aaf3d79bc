import type { GatewayApp, Surroundings } from '../app.ts';
import { linksOf } from '../links.ts';
import { json, route } from '../route.ts';
import { ForkEstimate, ForkRun, RunParams, StartedRun } from '../schemas.ts';

const forkRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/runs/{id}/fork',
  tags: ['runs'],
  summary: 'Run again from a step on, with another model, prompt or policy',
  description:
    'The steps before are taken from the journal of the old run, for free. The overrides are for `fromStep` alone; later steps are asked anew, or with `only` what is asked as before has its answer for free too. `overrides.input` judges or merges the answers of a `compare` that is there. With `dryRun`, nothing is started.',
  request: { params: RunParams, body: { required: true, content: { 'application/json': { schema: ForkRun } } } },
  answers: {
    200: json('What it would cost, for a `dryRun`', ForkEstimate),
    202: json('The new run is under way', StartedRun),
  },
});

export function addForkRoute(app: GatewayApp, { links }: Surroundings): void {
  app.openapi(forkRoute, async (c) => {
    const made = await c.var.client.fork(c.req.valid('param').id, { ...c.req.valid('json'), key: c.var.caller.key });
    if (!('pattern' in made)) return c.json(made, 200);
    const { id, pattern, isNew } = made;
    const { status } = isNew ? { status: 'running' as const } : await c.var.client.show(id);
    return c.json({ id, pattern, status, links: linksOf({ id }, links) }, 202);
  });
}
