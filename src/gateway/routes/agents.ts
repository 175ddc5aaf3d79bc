import { createRoute, z } from '@hono/zod-openapi';
import type { GatewayApp, Surroundings } from '../app.ts';
import { linksOf } from '../links.ts';
import { json, refusals } from '../responses.ts';
import { RunParams, StartedRun, TakenByRun, ToolResultInput } from '../schemas.ts';

const tags = ['agents'];
const { badRequest, unauthorized, notFound, conflict, tooLarge, notJson, unreachable } = refusals;

const stopRoute = createRoute({
  method: 'post',
  path: '/v1/runs/{id}/stop',
  tags,
  summary: 'Stop a run',
  description: 'What it is at is aborted. An agent ends with what it has; any other run is cancelled.',
  request: { params: RunParams },
  responses: { 202: json('It stops', StartedRun), ...unauthorized, ...notFound, ...conflict, ...unreachable },
});

const resultRoute = createRoute({
  method: 'post',
  path: '/v1/runs/{id}/tool-results/{toolCallId}',
  tags,
  summary: 'Give the result of a tool that the client runs',
  description:
    'The run waits for it since the event `tool.started` with `by: client`. Where no worker lives, `taken` is false: Temporal keeps the result for the next one.',
  request: {
    params: RunParams.extend({
      toolCallId: z
        .string()
        .min(1)
        .openapi({ param: { name: 'toolCallId', in: 'path' }, description: '`id` of the event, URL-encoded' }),
    }),
    body: { required: true, content: { 'application/json': { schema: ToolResultInput } } },
  },
  responses: {
    202: json('The result is the run’s', TakenByRun),
    ...badRequest,
    ...unauthorized,
    ...notFound,
    ...conflict,
    ...tooLarge,
    ...notJson,
    ...unreachable,
  },
});

export function addAgentRoutes(app: GatewayApp, { client, links }: Surroundings): void {
  app.openapi(stopRoute, async (c) => {
    const { id } = c.req.valid('param');
    await client.stop(id);
    const { pattern, status } = await client.show(id);
    return c.json({ id, pattern, status, links: linksOf({ id }, links) }, 202);
  });

  app.openapi(resultRoute, async (c) => {
    const { id, toolCallId } = c.req.valid('param');
    return c.json(await client.toolResult(id, toolCallId, c.req.valid('json')), 202);
  });
}
