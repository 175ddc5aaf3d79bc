import { createRoute } from '@hono/zod-openapi';
import { ListSteps } from '../../contract/index.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { json, refusals } from '../responses.ts';
import { Bill, RunParams, Timeline } from '../schemas.ts';

const tags = ['runs'];
const { badRequest, unauthorized, notFound, unreachable } = refusals;

const billRoute = createRoute({
  method: 'get',
  path: '/v1/runs/{id}/bill',
  tags,
  summary: 'What a run has cost so far: USD and tokens',
  request: { params: RunParams },
  responses: { 200: json('The bill', Bill), ...unauthorized, ...notFound, ...unreachable },
});

const timelineRoute = createRoute({
  method: 'get',
  path: '/v1/runs/{id}/timeline',
  tags,
  summary: 'The steps and attempts of a run',
  request: { params: RunParams, query: ListSteps },
  responses: { 200: json('The timeline', Timeline), ...badRequest, ...unauthorized, ...notFound, ...unreachable },
});

/** What a run did and what that cost. */
export function addAccountRoutes(app: GatewayApp, { client }: Surroundings): void {
  app.openapi(billRoute, async (c) => c.json(await client.bill(c.req.valid('param').id), 200));
  app.openapi(timelineRoute, async (c) =>
    c.json(await client.timeline(c.req.valid('param').id, c.req.valid('query')), 200),
  );
}
