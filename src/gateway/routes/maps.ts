import { z } from '@hono/zod-openapi';
import { stream } from 'hono/streaming';
import type { StreamingApi } from 'hono/utils/stream';
import { DataFormat, ListItems } from '../../contract/index.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { BODY_LIMITS, chunksUpTo } from '../limit-body.ts';
import { json, route } from '../route.ts';
import { DataSet, ItemPage, MapItem, RunParams } from '../schemas.ts';

const JSONL = 'application/jsonl';
const rows = { schema: { type: 'string' as const } };

/** Read as it comes, so that it may be long. */
export const DATA_SETS_PATH = '/v1/datasets';

const uploadRoute = route({
  may: 'start',
  bodyLimit: 'streamed',
  method: 'post',
  path: DATA_SETS_PATH,
  tags: ['maps'],
  summary: 'Upload the rows of a map',
  description:
    'JSONL (one JSON value a line) or CSV (under a line of names), at most 1 GB. Where a line is wrong, the problem names it and nothing is kept. Equal rows have the same id.',
  request: {
    query: z.object({
      format: DataFormat.optional().openapi({ description: 'Else the content type says: text/csv is CSV' }),
      tenant: z
        .string()
        .min(1)
        .max(200)
        .optional()
        .openapi({ description: 'Whose maps may go over them; a key of a tenant says so itself' }),
    }),
  },
  requestBody: { required: true, content: { [JSONL]: rows, 'text/csv': rows } },
  answers: { 201: json('The data set', DataSet) },
});

const itemsRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/runs/{id}/items',
  tags: ['maps'],
  summary: 'What became of the rows of a map',
  request: { params: RunParams, query: ListItems },
  answers: { 200: json('A page of rows', ItemPage) },
});

const outputRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/runs/{id}/output',
  tags: ['maps'],
  summary: 'The results of a map, in the order of its rows',
  description: 'One JSON object a line. While the map runs, the rows that still wait are left out.',
  request: { params: RunParams },
  answers: {
    200: { description: 'The results', content: { [JSONL]: { schema: MapItem } } },
  },
});

export function addMapRoutes(app: GatewayApp, { log }: Surroundings): void {
  app.openapi(uploadRoute, async (c) => {
    const csv = c.req.header('content-type')?.startsWith('text/csv');
    const { tenant, format = csv ? 'csv' : 'jsonl' } = c.req.valid('query');
    const chunks = chunksUpTo(c.req.raw.body, BODY_LIMITS.dataSet);
    return c.json(await c.var.client.upload(chunks, format, { tenant }), 201);
  });

  app.openapi(itemsRoute, async (c) => {
    return c.json(await c.var.client.items(c.req.valid('param').id, c.req.valid('query')), 200);
  });

  app.openapi(outputRoute, async (c) => {
    const { id } = c.req.valid('param');
    const results = c.var.client.output(id)[Symbol.asyncIterator]();
    // The first is read before the answer begins, so that a wrong id is still a problem.
    let next = await results.next();
    c.header('content-type', JSONL);
    const writeAll = async (out: StreamingApi) => {
      for (; !next.done && !out.aborted; next = await results.next()) {
        await out.write(`${JSON.stringify(next.value)}\n`);
      }
      await results.return?.();
    };
    const broke = async (error: Error) => {
      log.error({ err: error, runId: id, requestId: c.get('requestId') }, 'the output of a map broke');
    };
    return stream(c, writeAll, broke) as never;
  });
}
