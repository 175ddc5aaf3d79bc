import { createRoute, z } from '@hono/zod-openapi';
import { ScheduleName } from '../../contract/index.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { json, refusals } from '../responses.ts';
import { CreateSchedule, ScheduleInfo } from '../schemas.ts';

const tags = ['schedules'];
const { badRequest, unauthorized, notFound, conflict, notJson, unreachable } = refusals;

const ScheduleParams = z.object({
  name: ScheduleName.clone().openapi({ param: { name: 'name', in: 'path' }, description: 'Name, URL-encoded' }),
});
const Schedules = z.object({ schedules: z.array(ScheduleInfo) }).openapi('Schedules');
const Asked = z.object({ name: z.string() }).openapi('AskedOfSchedule');

const newRoute = createRoute({
  method: 'post',
  path: '/v1/schedules',
  tags,
  summary: 'Start a pattern again and again',
  description: 'The input is checked as that of a run. Runs are named `<name>-<time they were due>`.',
  request: { body: { required: true, content: { 'application/json': { schema: CreateSchedule } } } },
  responses: {
    201: json('The schedule', ScheduleInfo),
    ...badRequest,
    ...unauthorized,
    ...conflict,
    ...notJson,
    ...unreachable,
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/schedules',
  tags,
  summary: 'List schedules',
  description: 'A schedule is listed a moment after it was made or changed.',
  responses: { 200: json('The schedules', Schedules), ...unauthorized, ...unreachable },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/schedules/{name}',
  tags,
  summary: 'Delete a schedule; runs it has started go on',
  request: { params: ScheduleParams },
  responses: { 204: { description: 'It is gone' }, ...unauthorized, ...notFound, ...unreachable },
});

const ACTS = {
  pause: 'Start no more runs until it is resumed',
  resume: 'Start runs again',
  trigger: 'Start a run now',
} as const;

export function addScheduleRoutes(app: GatewayApp, { client }: Surroundings): void {
  app.openapi(newRoute, async (c) =>
    c.json(await client.schedules.create({ ...c.req.valid('json'), key: c.get('key') }), 201),
  );

  app.openapi(listRoute, async (c) => c.json({ schedules: await client.schedules.list() }, 200));

  app.openapi(deleteRoute, async (c) => {
    await client.schedules.delete(c.req.valid('param').name);
    return c.body(null, 204);
  });

  for (const act of Object.keys(ACTS) as (keyof typeof ACTS)[]) {
    const route = createRoute({
      method: 'post',
      path: `/v1/schedules/{name}/${act}`,
      tags,
      summary: ACTS[act],
      request: { params: ScheduleParams },
      responses: { 202: json('It was done', Asked), ...unauthorized, ...notFound, ...unreachable },
    });
    app.openapi(route, async (c) => {
      const { name } = c.req.valid('param');
      await client.schedules[act](name);
      return c.json({ name }, 202);
    });
  }
}
