import { z } from '@hono/zod-openapi';
import type { GatewayApp, Surroundings } from '../app.ts';
import { linksOf } from '../links.ts';
import { json, route } from '../route.ts';
import { RunParams, StartedRun, TakenByRun, ToolResultInput } from '../schemas.ts';

const tags = ['agents'];

const StopRun = z.object({ step: z.string().min(1).optional() }).openapi('StopRun');

const stopRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/runs/{id}/stop',
  tags,
  summary: 'Stop a run, or one step of a comparison or conversation',
  description:
    'What it is at is aborted. An agent ends with what it has; any other run is cancelled. With `step`, which is a model of a `compare` or the turn of a `conversation`, only that one is stopped: its answer is then the error `Cancelled`, and the run goes on.',
  request: { params: RunParams, body: { content: { 'application/json': { schema: StopRun } } } },
  answers: { 202: json('It stops', StartedRun) },
  refuses: ['conflict'],
});

const resultRoute = route({
  may: 'start',
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
  answers: {
    202: json('The result is the run’s', TakenByRun),
  },
  refuses: ['conflict'],
});

export function addAgentRoutes(app: GatewayApp, { links }: Surroundings): void {
  app.openapi(stopRoute, async (c) => {
    const { id } = c.req.valid('param');
    await c.var.client.stop(id, c.req.valid('json')?.step);
    const { pattern, status } = await c.var.client.show(id);
    return c.json({ id, pattern, status, links: linksOf({ id }, links) }, 202);
  });

  app.openapi(resultRoute, async (c) => {
    const { id, toolCallId } = c.req.valid('param');
    return c.json(await c.var.client.toolResult(id, toolCallId, c.req.valid('json')), 202);
  });
}
