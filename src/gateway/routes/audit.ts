import { AuditQuery } from '../../contract/index.ts';
import type { GatewayApp } from '../app.ts';
import { json, route } from '../route.ts';
import { AuditPage } from '../schemas.ts';

const auditRoute = route({
  may: 'administer',
  method: 'get',
  path: '/v1/audit',
  tags: ['keys'],
  summary: 'Who approved, cancelled, stopped and forked, and who changed budgets and keys: newest first',
  description:
    'A line is written before what it tells of is done; what then was refused has a second line, with `refused`. The key of a tenant is told of that tenant alone. `before` takes the `nextBefore` of the page before.',
  request: { query: AuditQuery },
  answers: { 200: json('The lines', AuditPage) },
});

export function addAuditRoute(app: GatewayApp): void {
  app.openapi(auditRoute, async (c) => c.json(await c.var.client.audit(c.req.valid('query')), 200));
}
