import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { PendingApproval } from '../../src/contract/index.ts';
import { approvalToken } from '../../src/gateway/approval-token.ts';
import { createGateway, type ServedGateway, serveGateway } from '../../src/gateway/index.ts';
import { mockProvider } from '../setup/mock-provider.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';
import { testLog } from '../setup/test-log.ts';
import { untilEvent } from '../setup/until.ts';

const SECRET = `whsec_${Buffer.from('only this test knows it').toString('base64')}`;
const KEY = 'a-key-of-this-test';
const OTHER = 'another-key-of-this-test';

let bed: StepBed;
let served: ServedGateway;
beforeAll(async () => {
  bed = await stepBed(await mockProvider());
  const { log } = testLog();
  const links = { namespace: 'default' };
  const app = createGateway({
    client: bed.client,
    links,
    apiKeys: [KEY, OTHER],
    people: { ann: [nameOf(KEY)], 'role:approver': [nameOf(KEY)] },
    webhookSecret: SECRET,
    version: '1',
    log,
  });
  served = await serveGateway({ app, port: 0, host: '127.0.0.1', log });
});
afterAll(async () => {
  await served.close();
  await bed.close();
});

/** How runs and budgets call a key. */
function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 12);
}

/** A run that waits for the approval `sign-off`. */
async function asked(approvers?: string[]) {
  const id = `gateway-${randomUUID()}`;
  const started = await bed.temporal.workflow.start('approval', {
    workflowId: id,
    taskQueue: `${bed.taskQueue}-steps`,
    args: [{ step: 'sign-off', show: 'A draft', patience: '1 hour', approvers }],
  });
  await untilEvent(bed.client, id, 'approval.requested');
  return { id, result: () => started.result() };
}

async function send(path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(served.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const withKey = { authorization: `Bearer ${KEY}` };
const pathOf = (id: string, approval = 'sign-off') => `/v1/runs/${id}/approvals/${approval}`;
const hookOf = (id: string, approval = 'sign-off') => `/v1/webhooks/approvals/${id}/${approval}`;

function signed(body: string, { secret = SECRET, at = new Date() } = {}) {
  const id = `msg_${randomUUID()}`;
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}

test('an approval is listed, answered once with 202, and then 409', async () => {
  const { id, result } = await asked();
  const listed = await send(`/v1/runs/${id}/approvals`, undefined, withKey);
  expect(listed).toMatchObject({
    status: 200,
    body: { approvals: [{ id, approval: 'sign-off', show: 'A draft', links: { answer: pathOf(id) } }] },
  });
  expect((await send('/v1/approvals', undefined, withKey)).body).toEqual(listed.body);

  const answer = { approved: true, comment: 'Good', by: 'ann' };
  expect(await send(pathOf(id), answer, withKey)).toEqual({
    status: 202,
    body: { id, approval: 'sign-off', approved: true, taken: true },
  });
  expect(await result()).toMatchObject(answer);
  expect(await send(pathOf(id), { approved: false }, withKey)).toMatchObject({
    status: 409,
    body: { errorType: 'Conflict', detail: expect.stringContaining('was approved by ann') },
  });
  expect((await send(`/v1/runs/${id}/approvals`, undefined, withKey)).body).toEqual({ approvals: [] });
});

test.each([
  ['a key', `key:${nameOf(KEY)}`],
  ['a role', 'role:approver'],
  ['a person', 'ann'],
])('who may answer is known by the key: of %s, another key’s yes is refused and recorded', async (_, approver) => {
  const { id, result } = await asked([approver]);
  const claimed = { approved: true, by: approver };
  const refused = await send(pathOf(id), claimed, { authorization: `Bearer ${OTHER}` });
  expect(refused).toMatchObject({
    status: 400,
    body: { path: 'by', detail: expect.stringContaining('is none of them') },
  });
  expect((await send(`/v1/runs/${id}/approvals`, undefined, withKey)).body).toMatchObject({ approvals: [{ id }] });
  expect((await send(pathOf(id), { approved: true }, withKey)).status).toBe(202);
  expect(await result()).toMatchObject({ approved: true });
  const events = await bed.eventsOf(id);
  expect(events.filter(({ type }) => type === 'approval.refused')).toMatchObject([
    { approval: 'sign-off', approved: true, by: approver, identities: [`key:${nameOf(OTHER)}`, 'role:admin'] },
  ]);
});

test('what is not there is 404, what is not an answer 400, who has no key 401', async () => {
  const { id, result } = await asked();
  expect(await send(pathOf(id, 'other'), { approved: true }, withKey)).toMatchObject({
    status: 404,
    body: { errorType: 'NotFound', hint: 'It waits for: sign-off' },
  });
  expect((await send(pathOf('nobody'), { approved: true }, withKey)).status).toBe(404);
  expect(await send(pathOf(id), { approved: 'yes' }, withKey)).toMatchObject({
    status: 400,
    body: { path: 'approved' },
  });
  expect((await send(pathOf(id), { approved: true })).status).toBe(401);
  expect((await send(pathOf(id), { approved: false }, withKey)).status).toBe(202);
  expect(await result()).toMatchObject({ approved: false });
});

test('an outside system answers by a signature instead of a key', async () => {
  const { id, result } = await asked();
  const body = JSON.stringify({ approved: true, by: 'the press office', run: id, approval: 'sign-off' });
  expect(await send(hookOf(id), body, signed(body))).toMatchObject({ status: 202, body: { taken: true } });
  expect(await result()).toMatchObject({ approved: true, by: 'the press office' });
  expect((await send(hookOf(id), body, signed(body))).status).toBe(409);
});

test('a signature that is missing, forged, too old, or over another body or approval answers nothing', async () => {
  const { id, result } = await asked();
  const body = JSON.stringify({ approved: true });
  const forged = `whsec_${Buffer.from('somebody else entirely').toString('base64')}`;
  const elsewhere = JSON.stringify({ approved: true, run: 'another', approval: 'sign-off' });
  const attempts: [string, Record<string, string>][] = [
    [body, {}],
    [body, withKey],
    [body, signed(body, { secret: forged })],
    [body, signed(body, { at: new Date(Date.now() - 6 * 60_000) })],
    [body, signed(body, { at: new Date(Date.now() + 6 * 60_000) })],
    [body, signed('{"approved":false}')],
    [elsewhere, signed(elsewhere)],
  ];
  for (const [sent, headers] of attempts) {
    const answer = await send(hookOf(id), sent, headers);
    expect(answer).toMatchObject({ status: 401, body: { status: 401, errorType: 'Unauthorized' } });
    expect(JSON.stringify(answer.body)).not.toContain(SECRET);
  }
  expect(await bed.client.approvals(id)).toHaveLength(1);
  await bed.client.approve(id, 'sign-off', { approved: false });
  await result();
});

test('what is for a role is answered by its signed link, which no key is shown that could not answer', async () => {
  const { id, result } = await asked(['role:approver']);
  const linksFor = async (key: string) => {
    const { body } = await send(`/v1/runs/${id}/approvals`, undefined, { authorization: `Bearer ${key}` });
    return (body as { approvals: PendingApproval[] }).approvals[0]!.links!;
  };
  expect(await linksFor(OTHER)).toEqual({ run: `/v1/runs/${id}`, answer: pathOf(id) });
  const { signed: link } = await linksFor(KEY);
  expect((await send(link!, { approved: true, by: 'the press office' })).status).toBe(202);
  expect(await result()).toMatchObject({ approved: true, by: 'the press office' });
});

test('the signed link of an approval answers that one alone, until it expires', async () => {
  const first = await asked();
  const second = await asked();
  const { approvals } = (await send(`/v1/runs/${first.id}/approvals`, undefined, withKey)).body as {
    approvals: PendingApproval[];
  };
  const link = approvals[0]!.links!.signed!;
  const token = new URL(link, served.url).searchParams.get('token')!;
  const past = Math.floor(Date.now() / 1_000) - 1;
  const refused = [
    `${hookOf(second.id)}?token=${token}`,
    `${hookOf(first.id, 'other')}?token=${token}`,
    `${hookOf(first.id)}?token=${approvalToken(SECRET, first.id, 'sign-off', past)}`,
    `${hookOf(first.id)}?token=${token.replace(/^\d+/, (seconds) => String(Number(seconds) + 1))}`,
    `${hookOf(first.id)}?token=nonsense`,
    `${hookOf(first.id)}?token=`,
  ];
  for (const path of refused) {
    expect(await send(path, { approved: true })).toMatchObject({ status: 401, body: { errorType: 'Unauthorized' } });
  }
  expect((await send(link, { approved: true, comment: 'By the link' })).status).toBe(202);
  expect(await first.result()).toMatchObject({ approved: true, comment: 'By the link' });
  await bed.client.approve(second.id, 'sign-off', { approved: false });
  await second.result();
});

test('a gateway without a secret takes no signature at all', async () => {
  const { log } = testLog();
  const app = createGateway({ client: bed.client, links: { namespace: 'default' }, apiKeys: [], version: '1', log });
  const body = '{"approved":true}';
  const response = await app.request(hookOf('some-run'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...signed(body) },
    body,
  });
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ detail: expect.stringContaining('CADENZA_WEBHOOK_SECRET') });
});
