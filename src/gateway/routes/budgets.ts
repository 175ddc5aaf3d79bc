import { createRoute, z } from '@hono/zod-openapi';
import { BudgetAccount } from '../../contract/index.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { problem, problemResponse } from '../problem.ts';
import { json, refusals } from '../responses.ts';
import { Budget, SetBudget } from '../schemas.ts';

const tags = ['budgets'];
const { badRequest, unauthorized, notJson, limited, unreachable } = refusals;

const params = z.object({
  account: BudgetAccount.clone().openapi({
    param: { name: 'account', in: 'path' },
    description: '`tenant:<name>`, or `key:<first 12 hex digits of the SHA-256 of an API key>`; URL-encoded',
    example: 'tenant:acme',
  }),
});

const showRoute = createRoute({
  method: 'get',
  path: '/v1/budgets/{account}',
  tags,
  summary: 'What a tenant or an API key may spend, and has spent: USD',
  request: { params },
  responses: { 200: json('The budget', Budget), ...badRequest, ...unauthorized, ...unreachable },
});

const setRoute = createRoute({
  method: 'put',
  path: '/v1/budgets/{account}',
  tags,
  summary: 'Set what a tenant or an API key may spend in all',
  description:
    'Holds for calls that begin from now on; what was spent before counts, and null lifts the limit. A key that has a budget of its own may set none.',
  request: { params, body: { required: true, content: { 'application/json': { schema: SetBudget } } } },
  responses: {
    200: json('The budget', Budget),
    ...badRequest,
    ...unauthorized,
    ...limited,
    ...notJson,
    ...unreachable,
  },
});

export function addBudgetRoutes(app: GatewayApp, { client: { budgets } }: Surroundings): void {
  app.openapi(showRoute, async (c) => c.json(await budgets.show(c.req.valid('param').account), 200));

  app.openapi(setRoute, async (c) => {
    const key = c.get('key');
    if (key !== undefined && (await budgets.show(`key:${key}`)).budgetUsd !== null) {
      const hint = 'Use an API key without a budget, or: npx cadenza budget set';
      const detail = 'This API key has a budget of its own, and so may set none.';
      const refusal = problem(403, 'Forbidden', 'Not for this API key', detail, { hint });
      return problemResponse(refusal, c.get('requestId')) as never;
    }
    return c.json(await budgets.set(c.req.valid('param').account, c.req.valid('json').budgetUsd), 200);
  });
}
