import type { GatewayApp } from '../app.ts';
import { json, route } from '../route.ts';
import { CastVote, RunParams, Votes } from '../schemas.ts';

const about = { path: '/v1/runs/{id}/votes', tags: ['runs'] };

const readRoute = route({
  ...about,
  may: 'read',
  method: 'get',
  summary: 'Which answer of a comparison people found best',
  request: { params: RunParams },
  answers: { 200: json('Votes by model, and the one of who asks', Votes) },
});

const castRoute = route({
  ...about,
  may: 'start',
  method: 'put',
  summary: 'Say which answer of a comparison is best',
  description: 'One vote an API key; where none are asked for, one in all. `best: null` takes it back.',
  request: { params: RunParams, body: { required: true, content: { 'application/json': { schema: CastVote } } } },
  answers: { 200: json('Votes by model, and the one of who asks', Votes) },
});

export function addVoteRoutes(app: GatewayApp): void {
  app.openapi(readRoute, async (c) => c.json(await c.var.client.votes(c.req.valid('param').id, c.var.caller.key), 200));
  app.openapi(castRoute, async (c) =>
    c.json(await c.var.client.vote(c.req.valid('param').id, c.req.valid('json').best, c.var.caller.key), 200),
  );
}
