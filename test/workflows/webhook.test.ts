import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { WebhookMessage } from '../../src/contract/index.ts';
import { mockProvider } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until, untilEvent } from '../setup/until.ts';

const SECRET = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`;
const OTHER_SECRET = 'not base64 at all, but long';
const policy = { candidates: ['openai/gpt-6-sol'] };

interface Delivery {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
}

/** what the receiver waits for before it answers, by path */
const gates = new Map<string, Promise<void>>();

let bed: TestBed;
let server: Server;
let url: string;
const deliveries: Delivery[] = [];
/** statuses to answer with, by path, before 204 */
const answers = new Map<string, { status: number; headers?: Record<string, string> }[]>();

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const path = request.url!;
    deliveries.push({ path, headers: request.headers, body: await text(request), at: Date.now() });
    await gates.get(path);
    const { status, headers } = answers.get(path)?.shift() ?? { status: 204 };
    response.writeHead(status, headers).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  bed = await testBed({
    provider: await mockProvider(),
    config: { gatewayUrl: 'https://ai.example.com/', webhooks: { privateHosts: ['127.0.0.1'] } },
    env: { CADENZA_WEBHOOK_SECRET: SECRET, ACME_WEBHOOK_SECRET: OTHER_SECRET },
  });
});
afterAll(async () => {
  await bed.close();
  server.closeAllConnections();
  server.close();
});

const to = (path: string) => deliveries.filter((delivery) => delivery.path === path);

/** The workflow that delivers, once it has ended. */
async function delivered(id: string): Promise<string> {
  const { runId } = await bed.temporal.workflow.getHandle(id).describe();
  const handle = bed.temporal.workflow.getHandle(`${id}/webhook/${runId.slice(0, 8)}`);
  await handle.result().catch(() => {});
  return (await handle.describe()).status.name;
}

const verified = (delivery: Delivery, secret = new Webhook(SECRET)) =>
  secret.verify(delivery.body, delivery.headers as Record<string, string>) as WebhookMessage;

test('a run’s end is told although the receiver fails twice: signed, with one id, and once', async () => {
  answers.set('/two', [{ status: 500 }, { status: 500 }]);
  const run = await bed.client.start(
    'ask',
    { prompt: 'Who is told?', policy },
    { tenant: 'acme', metadata: { order: 7 }, webhook: { url: `${url}/two` } },
  );
  await run.result();
  expect(await delivered(run.id)).toBe('COMPLETED');

  const tries = to('/two');
  expect(tries).toHaveLength(3);
  expect(new Set(tries.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(tries[2]!.at - tries[1]!.at).toBeGreaterThanOrEqual(1_900);
  const { totalUsd } = await bed.client.bill(run.id);
  const at = `https://ai.example.com/v1/runs/${run.id}`;
  for (const one of tries) {
    expect(verified(one)).toEqual({
      type: 'run.completed',
      timestamp: expect.any(String),
      data: {
        id: run.id,
        pattern: 'ask',
        status: 'completed',
        tenant: 'acme',
        metadata: { order: 7 },
        costUsd: totalUsd,
        links: { self: at, result: `${at}/result`, events: `${at}/events`, bill: `${at}/bill` },
      },
    });
  }
  expect(totalUsd).toBeGreaterThan(0);
  expect(() => verified({ ...tries[2]!, body: tries[2]!.body.replace('acme', 'evil') })).toThrow('signature');
});

test('the end of a run in the direct lane is told too', async () => {
  const run = await bed.client.start(
    'ask',
    { prompt: 'Directly?', policy },
    { lane: 'direct', webhook: { url: `${url}/direct` } },
  );
  await run.result();
  await until(() => to('/direct').length > 0 || undefined);
  expect(verified(to('/direct')[0]!)).toMatchObject({
    type: 'run.completed',
    data: { id: run.id, status: 'completed' },
  });
});

test('the run does not wait for who is told', async () => {
  const held = Promise.withResolvers<void>();
  gates.set('/slow', held.promise);
  answers.set('/slow', [{ status: 503, headers: { 'retry-after': '2' } }]);
  const run = await bed.client.start('ask', { prompt: 'Quick?', policy }, { webhook: { url: `${url}/slow` } });
  expect(await run.result()).toMatchObject({ text: 'answer to: Quick?' });
  expect((await bed.eventsOf(run.id)).at(-1)!.type).toBe('run.completed');
  held.resolve();
  expect(await delivered(run.id)).toBe('COMPLETED');
  const [refused, taken] = to('/slow');
  expect(taken!.at - refused!.at).toBeGreaterThanOrEqual(1_900);
});

test('a failed and a cancelled run are told too, with the error', async () => {
  const failing = await bed.client.start(
    'ask',
    { prompt: 'Dear?', policy: { ...policy, maxOutputTokens: 10_000 } },
    { budgetUsd: 0.000_001, webhook: { url: `${url}/failed` } },
  );
  await expect(failing.result()).rejects.toThrow();
  await delivered(failing.id);
  expect(verified(to('/failed')[0]!)).toMatchObject({
    type: 'run.failed',
    data: { status: 'failed', costUsd: 0, error: { type: 'BudgetExceeded' } },
  });

  bed.provider.first(
    (request) => JSON.stringify(request.messages).includes('Endless?'),
    () => ({ content: 'word '.repeat(200) }),
    { streamingProfile: { ttft: 50, tps: 20 } },
  );
  const endless = await bed.client.start(
    'ask',
    { prompt: 'Endless?', policy },
    { webhook: { url: `${url}/cancelled` } },
  );
  await untilEvent(bed.client, endless.id, 'call.delta');
  await bed.client.cancel(endless.id);
  await expect(endless.result()).rejects.toMatchObject({ code: 'RunCancelled' });
  await delivered(endless.id);
  expect(verified(to('/cancelled')[0]!)).toMatchObject({ type: 'run.cancelled', data: { status: 'cancelled' } });
});

test('a run may name another secret, and a plain Temporal client a webhook', async () => {
  const workflowId = `plain-webhook-${bed.taskQueue}`;
  const webhook = { url: `${url}/plain`, secretEnv: 'ACME_WEBHOOK_SECRET' };
  await bed.temporal.workflow.execute('ask', {
    workflowId,
    taskQueue: bed.taskQueue,
    args: [{ prompt: 'Plainly?', policy }, { webhook }],
  });
  await delivered(workflowId);
  const [delivery] = to('/plain');
  expect(verified(delivery!, new Webhook(Buffer.from(OTHER_SECRET), { format: 'raw' })).data.id).toBe(workflowId);
  expect(() => verified(delivery!)).toThrow('signature');
});

test('a receiver that is gone is not asked again, nor a moved one followed', async () => {
  answers.set('/gone', [{ status: 410 }]);
  const run = await bed.client.start('ask', { prompt: 'Gone?', policy }, { webhook: { url: `${url}/gone` } });
  await run.result();
  expect(await delivered(run.id)).toBe('FAILED');
  expect(to('/gone')).toHaveLength(1);

  answers.set('/moved', [{ status: 302, headers: { location: `${url}/elsewhere` } }]);
  const moved = await bed.client.start('ask', { prompt: 'Moved?', policy }, { webhook: { url: `${url}/moved` } });
  await moved.result();
  expect(await delivered(moved.id)).toBe('COMPLETED');
  expect(to('/moved')).toHaveLength(2);
  expect(to('/elsewhere')).toHaveLength(0);
});

test.each([
  ['http://localhost:9/', 'options.webhook.url', 'private network'],
  ['http://10.1.2.3/', 'options.webhook.url', 'private network'],
  ['http://[::1]/', 'options.webhook.url', 'private network'],
  ['http://2130706433/', undefined, undefined],
  ['ftp://example.com/', 'options.webhook.url', 'http:// or https://'],
  ['https://user:password@example.com/', 'options.webhook.url', 'password'],
])('a webhook to %s is judged before anything starts', async (address, path, message) => {
  const id = `judged-${encodeURIComponent(address).replaceAll('%', '_')}`;
  const started = bed.client.start('ask', { prompt: 'Where?', policy }, { id, webhook: { url: address } });
  if (path === undefined) {
    // It is 127.0.0.1, written in another way, and that is allowed here.
    await (await started).result();
    return;
  }
  await expect(started).rejects.toMatchObject({
    code: 'InvalidRequest',
    error: { path, message: expect.stringContaining(message!) },
  });
  await expect(bed.client.show(id)).rejects.toMatchObject({ code: 'NotFound' });
});

test('a webhook cannot be signed with a secret that is for something else', async () => {
  const webhook = { url: `${url}/x`, secretEnv: 'OPENAI_API_KEY' };
  await expect(bed.client.start('ask', { prompt: 'Key?', policy }, { webhook })).rejects.toMatchObject({
    code: 'InvalidRequest',
    error: { path: 'options.webhook.secretEnv' },
  });
});

test('what was not checked before is checked at the delivery: no private address is asked', async () => {
  const workflowId = `unchecked-${bed.taskQueue}`;
  const { port } = server.address() as AddressInfo;
  await bed.temporal.workflow.execute('ask', {
    workflowId,
    taskQueue: bed.taskQueue,
    args: [{ prompt: 'Inside?', policy }, { webhook: { url: `http://localhost:${port}/inside` } }],
  });
  expect(await delivered(workflowId)).toBe('FAILED');
  expect(to('/inside')).toHaveLength(0);
});

test('no secret is in a history or a log', async () => {
  const run = await bed.client.start('ask', { prompt: 'Secret?', policy }, { webhook: { url: `${url}/secret` } });
  await run.result();
  await delivered(run.id);
  const { runId } = await bed.temporal.workflow.getHandle(run.id).describe();
  const ids = [run.id, `${run.id}/webhook/${runId.slice(0, 8)}`];
  const histories = await Promise.all(ids.map((id) => bed.temporal.workflow.getHandle(id).fetchHistory()));
  const texts = payloadTexts(histories);
  expect(texts.join('')).toContain('/secret');
  for (const secret of [SECRET, SECRET.slice('whsec_'.length)]) {
    expect(texts.filter((text) => text.includes(secret))).toEqual([]);
    expect(bed.logged.join('\n')).not.toContain(secret);
  }
});

/** All payload bytes of a history, as text. */
function payloadTexts(value: unknown): string[] {
  if (value instanceof Uint8Array) return [Buffer.from(value).toString()];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(payloadTexts);
}
