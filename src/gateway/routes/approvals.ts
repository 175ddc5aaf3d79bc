import { z } from '@hono/zod-openapi';
import { type Caller, isKeyOrRole, isPermitted, type PendingApproval as Pending } from '../../contract/index.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { approvalLink } from '../approval-token.ts';
import { identitiesOf } from '../authorization.ts';
import { json, route } from '../route.ts';
import { ApprovalDecision, ApprovalReceipt, PendingApproval, RunParams } from '../schemas.ts';

const tags = ['approvals'];

export const ApprovalParams = RunParams.extend({
  approvalId: z
    .string()
    .min(1)
    .openapi({ param: { name: 'approvalId', in: 'path' }, description: 'Id of the step that asks, URL-encoded' }),
});

const List = z.object({ approvals: z.array(PendingApproval) }).openapi('PendingApprovals');

const listAllRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/approvals',
  tags,
  summary: 'The approvals that running runs wait for, longest waiting first',
  answers: { 200: json('At most 200', List) },
});

const listRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/runs/{id}/approvals',
  tags,
  summary: 'The approvals a run waits for',
  request: { params: RunParams },
  answers: { 200: json('The approvals', List) },
});

const answerRoute = route({
  may: 'approve',
  method: 'post',
  path: '/v1/runs/{id}/approvals/{approvalId}',
  tags,
  summary: 'Answer an approval',
  description: 'Where no worker lives, `taken` is false: Temporal keeps the answer for the next one.',
  request: {
    params: ApprovalParams,
    body: { required: true, content: { 'application/json': { schema: ApprovalDecision } } },
  },
  answers: {
    202: json('The answer is the run’s', ApprovalReceipt),
  },
  refuses: ['conflict'],
});

export function addApprovalRoutes(app: GatewayApp, { webhookSecret, people }: Surroundings): void {
  /** The link answers as whoever is asked, so it is shown to no key that is not. */
  const maySign = (caller: Caller, { approvers = [] }: Pending): boolean => {
    const identities = identitiesOf(caller, people);
    if (identities === undefined || !approvers.some(isKeyOrRole)) return true;
    return isPermitted(caller.role, 'approve') && approvers.some((approver) => identities.includes(approver));
  };
  const shown =
    (caller: Caller) =>
    (approval: Pending): Pending => {
      const self = `/v1/runs/${encodeURIComponent(approval.id)}`;
      const links = {
        run: self,
        answer: `${self}/approvals/${encodeURIComponent(approval.approval)}`,
        ...(webhookSecret !== undefined &&
          maySign(caller, approval) && { signed: approvalLink(webhookSecret, approval) }),
      };
      return { ...approval, links };
    };

  app.openapi(listAllRoute, async (c) =>
    c.json({ approvals: (await c.var.client.approvals()).map(shown(c.var.caller)) }, 200),
  );

  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param');
    return c.json({ approvals: (await c.var.client.approvals(id)).map(shown(c.var.caller)) }, 200);
  });

  app.openapi(answerRoute, async (c) => {
    const { id, approvalId } = c.req.valid('param');
    const identities = identitiesOf(c.var.caller, people);
    return c.json(await c.var.client.approve(id, approvalId, c.req.valid('json'), identities), 202);
  });
}
