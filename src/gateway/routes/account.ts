import { ListSteps } from '../../contract/index.ts';
import type { GatewayApp } from '../app.ts';
import { json, route } from '../route.ts';
import { Bill, RunInput, RunParams, Timeline } from '../schemas.ts';

const tags = ['runs'];

const billRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/runs/{id}/bill',
  tags,
  summary: 'What a run has cost so far: USD and tokens',
  request: { params: RunParams },
  answers: { 200: json('The bill', Bill) },
});

const timelineRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/runs/{id}/timeline',
  tags,
  summary: 'The steps and attempts of a run',
  request: { params: RunParams, query: ListSteps },
  answers: { 200: json('The timeline', Timeline) },
});

const inputRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/runs/{id}/input',
  tags,
  summary: 'What a run was started with',
  description: 'As Temporal keeps it: 400 once its history is gone.',
  request: { params: RunParams },
  answers: { 200: json('The input', RunInput) },
});

/** What a run was asked, what it did, and what that cost. */
export function addAccountRoutes(app: GatewayApp): void {
  app.openapi(inputRoute, async (c) => c.json(await c.var.client.input(c.req.valid('param').id), 200));
  app.openapi(billRoute, async (c) => c.json(await c.var.client.bill(c.req.valid('param').id), 200));
  app.openapi(timelineRoute, async (c) =>
    c.json(await c.var.client.timeline(c.req.valid('param').id, c.req.valid('query')), 200),
  );
}
