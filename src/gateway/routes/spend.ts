import { SpendQuery } from '../../contract/index.ts';
import type { GatewayApp } from '../app.ts';
import { json, route } from '../route.ts';
import { Spend } from '../schemas.ts';

const spendRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/spend',
  tags: ['budgets'],
  summary: 'What was spent over some days: USD, calls and tokens, by day, model, tenant, key or pattern',
  description:
    'Whole days of a time zone, the last 30 unless `from` and `to` say otherwise; `by` names one or two, as `day,model`. Answers of the cache are counted apart, with what they saved. The key of a tenant is told of that tenant alone.',
  request: { query: SpendQuery },
  answers: { 200: json('The spending', Spend) },
});

export function addSpendRoute(app: GatewayApp): void {
  app.openapi(spendRoute, async (c) => c.json(await c.var.client.spend(c.req.valid('query')), 200));
}
