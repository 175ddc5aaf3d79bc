import { z } from '@hono/zod-openapi';
import { KeyName } from '../../contract/index.ts';
import type { GatewayApp, GatewayEnv } from '../app.ts';
import { ProblemError, problem } from '../problem.ts';
import { json, route } from '../route.ts';
import { ApiKey, CreateKey, NewApiKey, RotateKey } from '../schemas.ts';

const tags = ['keys'];

const KeyParams = z.object({
  name: KeyName.clone().openapi({
    param: { name: 'name', in: 'path' },
    description: '`<tenant>:<name>`, or its name alone to who is of the tenant; URL-encoded',
    example: 'acme:ci',
  }),
});
const Keys = z.object({ keys: z.array(ApiKey) }).openapi('ApiKeys');

const createRoute = route({
  may: 'administer',
  method: 'post',
  path: '/v1/keys',
  tags,
  summary: 'Make an API key',
  description:
    'The secret is in this answer and nowhere else. An admin of a tenant makes keys of that tenant; a key that has limits of its own makes none.',
  request: { body: { required: true, content: { 'application/json': { schema: CreateKey } } } },
  answers: { 201: json('The key, with its secret', NewApiKey) },
  refuses: ['conflict'],
});

const listRoute = route({
  may: 'administer',
  method: 'get',
  path: '/v1/keys',
  tags,
  summary: 'List API keys, also those that were revoked',
  answers: { 200: json('The keys, by name, without their secrets', Keys) },
});

const rotateRoute = route({
  may: 'administer',
  method: 'post',
  path: '/v1/keys/{name}/rotate',
  tags,
  summary: 'Give an API key another secret',
  description: 'The old secret holds for the `grace`, so that clients can be changed one after the other.',
  request: { params: KeyParams, body: { required: true, content: { 'application/json': { schema: RotateKey } } } },
  answers: { 200: json('The key, with its new secret', NewApiKey) },
});

const revokeRoute = route({
  may: 'administer',
  method: 'delete',
  path: '/v1/keys/{name}',
  tags,
  summary: 'Revoke an API key',
  description: 'Within seconds no gateway takes it any more. Runs it started go on. Its name is not used again.',
  request: { params: KeyParams },
  answers: { 200: json('The key that was', ApiKey) },
});

export function addKeyRoutes(app: GatewayApp): void {
  app.openapi(createRoute, async (c) => {
    await assertUnlimited(c.var);
    return c.json(await c.var.client.keys.create(c.req.valid('json')), 201);
  });

  app.openapi(listRoute, async (c) => c.json({ keys: await c.var.client.keys.list() }, 200));

  app.openapi(rotateRoute, async (c) => {
    await assertUnlimited(c.var);
    return c.json(await c.var.client.keys.rotate(c.req.valid('param').name, c.req.valid('json')), 200);
  });

  app.openapi(revokeRoute, async (c) => c.json(await c.var.client.keys.revoke(c.req.valid('param').name), 200));
}

/** A key that has limits cannot get round them by another one. @throws ProblemError 403 */
export async function assertUnlimited({ caller, client }: GatewayEnv['Variables']): Promise<void> {
  const { key, models, patterns } = caller;
  if (key === undefined) return;
  const isLimited = models !== undefined || patterns !== undefined || caller.requestsPerMinute !== undefined;
  if (!isLimited && (await client.budgets.show(`key:${key}`)).budgetUsd === null) return;
  const detail = 'This API key has limits of its own, and so may set none.';
  const hint = 'Use an API key without a budget, models, patterns or a rate, or the command line: npx cadenza keys';
  throw new ProblemError(problem(403, 'Forbidden', 'Not for this API key', detail, { hint }));
}
