import { z } from '@hono/zod-openapi';
import type { GatewayApp, Surroundings } from '../app.ts';
import { linksOf } from '../links.ts';
import { problemOfRun, problemResponse } from '../problem.ts';
import { json, route } from '../route.ts';
import { Links, Result, RunParams } from '../schemas.ts';
import { unlessClosing } from '../serve.ts';

const MAX_WAIT_SECONDS = 60;

const StillRunning = z.object({ id: z.string(), status: z.literal('running'), links: Links }).openapi('StillRunning');

const resultRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/runs/{id}/result',
  tags: ['runs'],
  summary: 'The result of a run',
  request: {
    params: RunParams,
    query: z.object({
      waitSeconds: z.coerce
        .number()
        .min(0)
        .default(0)
        .openapi({ description: `How long to wait for the result; at most ${MAX_WAIT_SECONDS} are waited` }),
    }),
  },
  answers: {
    200: json('What the pattern returned', Result),
    202: json('The run is still under way', StillRunning),
  },
  refuses: ['ended'],
});

export function addOutcomeRoute(app: GatewayApp, { links }: Surroundings): void {
  app.openapi(resultRoute, async (c) => {
    const { id } = c.req.valid('param');
    const waitSeconds = Math.min(c.req.valid('query').waitSeconds, MAX_WAIT_SECONDS);
    const closed = { status: 'running' as const };
    const outcome = (await unlessClosing(c.var.client.outcome(id, waitSeconds), c.env?.closing)) ?? closed;
    if (outcome.status === 'completed') return c.json(outcome.result as object, 200);
    if (outcome.status === 'running') return c.json({ id, status: outcome.status, links: linksOf({ id }, links) }, 202);
    return problemResponse(problemOfRun(outcome.status, outcome.error), c.get('requestId')) as never;
  });
}
