import { ListRuns, type RunInfo as RunInfoType } from '../../contract/index.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { linksOf } from '../links.ts';
import { json, route } from '../route.ts';
import { RunInfo, RunPage, RunParams, StartedRun, StartHeaders, StartRun } from '../schemas.ts';

const tags = ['runs'];

const startRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/runs',
  tags,
  summary: 'Start a run',
  description:
    'The same `id` or `Idempotency-Key` given twice gives the same run; a key that is given with another request than before is refused, with 409, and `id` wins where both are given. Ids and keys are the tenant’s. Nothing is started where the request is not usable.',
  request: {
    headers: StartHeaders,
    body: { required: true, content: { 'application/json': { schema: StartRun } } },
  },
  answers: {
    202: json('The run is under way, or was already there', StartedRun),
  },
  refuses: ['conflict'],
});

const listRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/runs',
  tags,
  summary: 'List runs, newest first',
  request: { query: ListRuns },
  answers: { 200: json('A page of runs', RunPage) },
});

const showRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/runs/{id}',
  tags,
  summary: 'Show a run',
  request: { params: RunParams },
  answers: { 200: json('The run', RunInfo) },
});

const cancelRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/runs/{id}/cancel',
  tags,
  summary: 'Ask a run to stop',
  description: 'Its calls in flight are aborted. The run has stopped when its event `run.cancelled` is there.',
  request: { params: RunParams },
  answers: {
    202: json('The run was asked to stop', StartedRun),
  },
  refuses: ['conflict'],
});

export function addRunRoutes(app: GatewayApp, { links }: Surroundings): void {
  const started = ({
    id,
    pattern,
    status,
    activityRunId,
  }: Pick<RunInfoType, 'id' | 'pattern' | 'status' | 'activityRunId'>) => ({
    id,
    pattern,
    status,
    links: linksOf({ id, activityRunId }, links),
  });

  app.openapi(startRoute, async (c) => {
    const { pattern, input, id, ...options } = c.req.valid('json');
    const run = await c.var.client.startUnchecked(pattern, input, {
      ...options,
      key: c.var.caller.key,
      id,
      idempotencyKey: c.req.valid('header')['idempotency-key'],
    });
    const { activityRunId } = run;
    const info = run.isNew
      ? { id: run.id, pattern, status: 'running' as const, activityRunId }
      : await c.var.client.show(run.id);
    return c.json({ ...started(info), isNew: run.isNew }, 202);
  });

  app.openapi(listRoute, async (c) => {
    const page = await c.var.client.list(c.req.valid('query'));
    return c.json({ ...page, runs: page.runs.map((run) => ({ ...run, links: linksOf(run, links) })) }, 200);
  });

  app.openapi(showRoute, async (c) => {
    const run = await c.var.client.show(c.req.valid('param').id);
    return c.json({ ...run, links: linksOf(run, links) }, 200);
  });

  app.openapi(cancelRoute, async (c) => {
    const { id } = c.req.valid('param');
    await c.var.client.cancel(id);
    return c.json(started(await c.var.client.show(id)), 202);
  });
}
