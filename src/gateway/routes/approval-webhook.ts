import { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { WebhookVerificationError } from 'standardwebhooks';
import { webhookSigner } from '../../config/index.ts';
import * as contract from '../../contract/index.ts';
import type { GatewayApp, GatewayEnv, Surroundings } from '../app.ts';
import { refusalOfToken } from '../approval-token.ts';
import { originOf } from '../authorization.ts';
import { BODY_LIMITS, limitBody } from '../limit-body.ts';
import { problem, problemResponse } from '../problem.ts';
import { json, route } from '../route.ts';
import { ApprovalReceipt } from '../schemas.ts';
import { ApprovalParams } from './approvals.ts';

const SIGNED = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;

/** `run` and `approval`, where they are given, bind the signed body to the address it is sent to. */
const SignedDecision = contract.ApprovalDecision.extend({
  run: z.string().optional(),
  approval: z.string().optional(),
}).openapi('SignedApprovalDecision');

const webhookRoute = route({
  may: 'anyone',
  bodyLimit: BODY_LIMITS.webhook,
  method: 'post',
  path: '/v1/webhooks/approvals/{id}/{approvalId}',
  tags: ['approvals'],
  summary: 'Answer an approval from outside, without an API key',
  description:
    'Signed as Standard Webhooks says with CADENZA_WEBHOOK_SECRET (headers `webhook-id`, `webhook-timestamp`, `webhook-signature`; at most 5 minutes old), or by the link `signed` that the list of approvals gives.',
  request: {
    params: ApprovalParams,
    query: z.object({ token: z.string().optional() }),
    headers: z.object({
      'webhook-id': z.string().optional(),
      'webhook-timestamp': z.string().optional(),
      'webhook-signature': z.string().optional(),
    }),
    body: { required: true, content: { 'application/json': { schema: SignedDecision } } },
  },
  answers: {
    202: json('The answer is the run’s', ApprovalReceipt),
  },
  refuses: ['unsigned', 'conflict'],
});

export function addApprovalWebhook(app: GatewayApp, { client, webhookSecret }: Surroundings): void {
  // Before anything of the body is looked at.
  app.use(webhookRoute.getRoutingPath(), limitBody(BODY_LIMITS.webhook), requireSignature(webhookSecret));

  app.openapi(webhookRoute, async (c) => {
    const { id, approvalId } = c.req.valid('param');
    const { run, approval, ...decision } = c.req.valid('json');
    if ((run !== undefined && run !== id) || (approval !== undefined && approval !== approvalId)) {
      return forged('The signed body is for another approval than the address', c.get('requestId')) as never;
    }
    const signed = client.as({ role: 'approver', from: { ...originOf(c), signed: true } });
    return c.json(await signed.approve(id, approvalId, decision), 202);
  });
}

function requireSignature(secret: string | undefined): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const reason =
      secret === undefined
        ? 'No secret is set here, so no signature can be verified: set CADENZA_WEBHOOK_SECRET'
        : await refusalOf(secret, c.req);
    return reason === undefined ? next() : forged(reason, c.get('requestId'));
  };
}

type Request = Parameters<MiddlewareHandler<GatewayEnv>>[0]['req'];

async function refusalOf(secret: string, request: Request): Promise<string | undefined> {
  const token = request.query('token');
  if (token !== undefined) {
    const { id = '', approvalId = '' } = request.param() as Record<string, string>;
    return refusalOfToken(secret, id, approvalId, token, Date.now());
  }
  const headers = Object.fromEntries(SIGNED.map((name) => [name, request.header(name) ?? '']));
  try {
    webhookSigner(secret).verify(await request.text(), headers, { jsonParse: false });
    return undefined;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return `The signature does not hold: ${error.message}`;
    throw error;
  }
}

function forged(reason: string, requestId: string): Response {
  const answer = problem(401, 'Unauthorized', 'The signature does not hold', `${reason}.`, {
    hint: 'Sign the body as Standard Webhooks says, or use the link "signed" of GET /v1/runs/{id}/approvals',
  });
  return problemResponse(answer, requestId);
}
