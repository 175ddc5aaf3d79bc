import { z } from '@hono/zod-openapi';
import { ScheduleName } from '../../contract/index.ts';
import type { GatewayApp } from '../app.ts';
import { json, route } from '../route.ts';
import { CreateSchedule, ScheduleInfo } from '../schemas.ts';

const tags = ['schedules'];

const ScheduleParams = z.object({
  name: ScheduleName.clone().openapi({ param: { name: 'name', in: 'path' }, description: 'Name, URL-encoded' }),
});
const Schedules = z.object({ schedules: z.array(ScheduleInfo) }).openapi('Schedules');
const Asked = z.object({ name: z.string() }).openapi('AskedOfSchedule');

const newRoute = route({
  may: 'operate',
  method: 'post',
  path: '/v1/schedules',
  tags,
  summary: 'Start a pattern again and again',
  description: 'The input is checked as that of a run. Runs are named `<name>-<time they were due>`.',
  request: { body: { required: true, content: { 'application/json': { schema: CreateSchedule } } } },
  answers: {
    201: json('The schedule', ScheduleInfo),
  },
  refuses: ['conflict'],
});

const listRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/schedules',
  tags,
  summary: 'List schedules',
  description: 'A schedule is listed a moment after it was made or changed.',
  answers: { 200: json('The schedules', Schedules) },
});

const deleteRoute = route({
  may: 'operate',
  method: 'delete',
  path: '/v1/schedules/{name}',
  tags,
  summary: 'Delete a schedule; runs it has started go on',
  request: { params: ScheduleParams },
  answers: { 204: { description: 'It is gone' } },
});

const ACTS = {
  pause: 'Start no more runs until it is resumed',
  resume: 'Start runs again',
  trigger: 'Start a run now',
} as const;

export function addScheduleRoutes(app: GatewayApp): void {
  app.openapi(newRoute, async (c) =>
    c.json(await c.var.client.schedules.create({ ...c.req.valid('json'), key: c.var.caller.key }), 201),
  );

  app.openapi(listRoute, async (c) => c.json({ schedules: await c.var.client.schedules.list() }, 200));

  app.openapi(deleteRoute, async (c) => {
    await c.var.client.schedules.delete(c.req.valid('param').name);
    return c.body(null, 204);
  });

  for (const act of Object.keys(ACTS) as (keyof typeof ACTS)[]) {
    const actRoute = route({
      may: 'operate',
      method: 'post',
      path: `/v1/schedules/{name}/${act}`,
      tags,
      summary: ACTS[act],
      request: { params: ScheduleParams },
      answers: { 202: json('It was done', Asked) },
    });
    app.openapi(actRoute, async (c) => {
      const { name } = c.req.valid('param');
      await c.var.client.schedules[act](name);
      return c.json({ name }, 202);
    });
  }
}
