import { z } from '@hono/zod-openapi';
import { BudgetAccount } from '../../contract/index.ts';
import type { GatewayApp } from '../app.ts';
import { json, route } from '../route.ts';
import { Budget, SetBudget } from '../schemas.ts';
import { assertUnlimited } from './keys.ts';

const tags = ['budgets'];

const params = z.object({
  account: BudgetAccount.clone().openapi({
    param: { name: 'account', in: 'path' },
    description: '`tenant:<name>`, or `key:<name>` of an API key; URL-encoded',
    example: 'tenant:acme',
  }),
});

const listRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/budgets',
  tags,
  summary: 'The tenants and API keys that have a budget; the key of a tenant is told of that tenant and its keys alone',
  answers: { 200: json('At most 1,000', z.object({ budgets: z.array(Budget) }).openapi('Budgets')) },
});

const showRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/budgets/{account}',
  tags,
  summary: 'What a tenant or an API key may spend, and has spent: USD',
  request: { params },
  answers: { 200: json('The budget', Budget) },
});

const setRoute = route({
  may: 'administer',
  method: 'put',
  path: '/v1/budgets/{account}',
  tags,
  summary: 'Set what a tenant or an API key may spend in all',
  description:
    'Holds for calls that begin from now on; what was spent before counts, and null lifts the limit. A key that has limits of its own may set none, and no tenant its own.',
  request: { params, body: { required: true, content: { 'application/json': { schema: SetBudget } } } },
  answers: {
    200: json('The budget', Budget),
  },
});

export function addBudgetRoutes(app: GatewayApp): void {
  app.openapi(listRoute, async (c) => {
    return c.json({ budgets: await c.var.client.budgets.list() }, 200);
  });

  app.openapi(showRoute, async (c) => c.json(await c.var.client.budgets.show(c.req.valid('param').account), 200));

  app.openapi(setRoute, async (c) => {
    await assertUnlimited(c.var);
    return c.json(await c.var.client.budgets.set(c.req.valid('param').account, c.req.valid('json').budgetUsd), 200);
  });
}
