import { randomUUID } from 'node:crypto';
import { createConnection } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Cadenza, connect } from '../../src/client/index.ts';
import type { CreateKey } from '../../src/contract/index.ts';
import { createGateway, type ServedGateway, serveGateway } from '../../src/gateway/index.ts';
import { mockProvider } from '../setup/mock-provider.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';
import { testLog } from '../setup/test-log.ts';
import { until, untilEvent } from '../setup/until.ts';
import { query } from '../store/fresh-store.ts';
import { type DocumentedRoute, type OpenApiDocument, routesOf, sampleOf } from './request-of.ts';

const OPERATOR = 'the-operator-of-this-test';
/** What is told of, or verified, without a tenant. */
const NOBODYS = /\/webhooks\/|\/v1\/models\/|\/\.well-known\//;
/** Stands in everything that is acme's. */
const MARK = 'acme-alone-knows-this';
const policy = { candidates: ['openai/gpt-6-luna'] };

let bed: StepBed;
let served: ServedGateway;
/** as another process would serve it */
let beside: ServedGateway;
let another: Cadenza;
let acme: string;
let rival: string;
let theirs: {
  run: string;
  response: string;
  waiting: string;
  conversation: string;
  map: string;
  schedule: string;
  data: string;
};

beforeAll(async () => {
  bed = await stepBed(await mockProvider());
  const { log } = testLog();
  const open = (client: Cadenza) => {
    const app = createGateway({ client, links: { namespace: 'default' }, apiKeys: [OPERATOR], version: '1', log });
    return serveGateway({ app, port: 0, host: '127.0.0.1', log, headersWithinMs: 400 });
  };
  const { databaseUrl, env, config, taskQueue } = bed;
  const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  another = await connect({ temporalAddress, databaseUrl, env, config, taskQueue, log });
  [served, beside] = [await open(bed.client), await open(another)];
  acme = await keyFor({ name: 'all', tenant: 'acme', role: 'admin' });
  rival = await keyFor({ name: 'all', tenant: 'rival', role: 'admin' });
  theirs = await workOfAcme();
});
afterAll(async () => {
  await Promise.all([served.close(), beside.close()]);
  await another.close();
  await bed.close();
});

async function keyFor(key: CreateKey): Promise<string> {
  return (await bed.client.keys.create(key)).secret;
}

async function send(key: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch((headers.at === 'beside' ? beside : served).url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: body === undefined || method === 'GET' ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  });
  const text = await response.text();
  return { status: response.status, text, json: () => JSON.parse(text), headers: response.headers };
}

async function workOfAcme() {
  const client = bed.client.as({ role: 'admin', tenant: 'acme', key: 'acme:all' });
  const run = await client.start('ask', { prompt: MARK, policy }, { id: 'first', metadata: { MARK } });
  await run.result();
  const waiting = `acme:${randomUUID()}`;
  await bed.temporal.workflow.start('approval', {
    ...{ workflowId: waiting, taskQueue: `${bed.taskQueue}-steps` },
    args: [{ step: 'sign-off', show: MARK, patience: '1 hour' }, { tenant: 'acme' }],
  });
  await untilEvent(bed.client, waiting, 'approval.requested');
  const said = await send(acme, 'POST', '/v1/responses', { model: 'openai/gpt-6-luna', input: MARK });
  const response = said.json().id;
  const conversation = await client.start('conversation', { system: MARK, policy });
  const data = await client.upload(rows(), 'jsonl');
  const map = await client.start('map', { pattern: 'ask', source: data.id, input: { prompt: '{{item.a}}', policy } });
  await map.result();
  const schedule = { name: 'nightly', pattern: 'ask', input: { prompt: MARK, policy }, cron: '@yearly' };
  const { name } = await client.schedules.create(schedule);
  return { run: run.id, response, waiting, conversation: conversation.id, map: map.id, schedule: name, data: data.id };
}

async function* rows() {
  yield `{"a":"${MARK}"}\n{"a":"2"}\n`;
}

async function documented(): Promise<[OpenApiDocument, DocumentedRoute[]]> {
  const document = (await send(OPERATOR, 'GET', '/openapi.json')).json() as OpenApiDocument;
  return [document, routesOf(document)];
}

/** What stands for a parameter of a path: acme's, or what is nowhere. */
function named(route: DocumentedRoute, name: string, whose: 'acme' | 'nobody'): string {
  const none = route.path.includes('/responses/') ? `resp_${randomUUID().replaceAll('-', '')}` : randomUUID();
  if (name === 'account') return whose === 'acme' ? 'tenant:acme' : 'tenant:nobody';
  if (name === 'approvalId') return 'sign-off';
  if (name === 'toolCallId') return 'call-1';
  if (name === 'name') {
    if (whose === 'nobody') return none;
    return route.path.includes('/keys/') ? 'acme:all' : theirs.schedule;
  }
  if (whose === 'nobody') return none;
  if (route.path.includes('/responses/')) return theirs.response;
  if (route.path.includes('approvals')) return theirs.waiting;
  return /items|output/.test(route.path) ? theirs.map : theirs.run;
}

function addressOf(route: DocumentedRoute, whose: 'acme' | 'nobody'): string {
  return route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(named(route, name, whose)));
}

/** What is said, but for what was asked for. */
function wording(text: string, address: string): string {
  const said = address.split('/').reduce((rest, part) => rest.replaceAll(decodeURIComponent(part) || '\n', ''), text);
  return said
    .replace(/"requestId":"[^"]*"/, '')
    .replace(/"request_id":"[^"]*"/, '')
    .replace(/req_\w+/g, '');
}

test('no route of the document tells a tenant of what is another’s: it is not there, in the same words', async () => {
  const [document, routes] = await documented();
  expect(routes.length).toBeGreaterThan(25);
  const unlike: unknown[] = [];
  for (const route of routes.filter(({ path }) => path.includes('{') && !NOBODYS.test(path))) {
    const body = route.body && sampleOf(document, route.body[1]);
    const [found, nowhere] = [addressOf(route, 'acme'), addressOf(route, 'nobody')];
    const there = await send(rival, route.method, found, body);
    const none = await send(rival, route.method, nowhere, body);
    const same = wording(there.text, found) === wording(none.text, nowhere);
    if (there.status !== 404 || none.status !== 404 || !same || there.text.includes(MARK)) {
      unlike.push([route.method, route.path, there.status, none.status, there.text, none.text]);
    }
  }
  expect(unlike).toEqual([]);
});

test('and their owner finds them by every route that reads', async () => {
  const [, routes] = await documented();
  const reads = routes.filter(({ method, path }) => method === 'GET' && /^\/v1\/(runs|responses)\/\{id\}/.test(path));
  for (const route of reads.filter(({ path }) => !path.endsWith('/events'))) {
    expect([route.path, (await send(acme, 'GET', addressOf(route, 'acme'))).status]).toEqual([route.path, 200]);
  }
});

test('lists hold only what is the tenant’s, whatever the query says', async () => {
  for (const path of ['/v1/runs?tenant=acme', '/v1/runs', '/v1/approvals', '/v1/schedules', '/v1/keys', '/v1/audit']) {
    const { status, text } = await send(rival, 'GET', path);
    expect([path, status]).toEqual([path, 200]);
    expect(text).not.toContain('acme');
  }
});

test('ids in bodies are the caller’s too: MCP’s tasks, A2A’s, an earlier response, the map before', async () => {
  const rpc = (method: string, params: object) => ({ jsonrpc: '2.0', id: 1, method, params });
  const mcp = { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' };
  const asks = (run: string, response: string, map: string): [path: string, body: object, headers?: object][] => [
    ['/mcp', rpc('tasks/get', { taskId: run }), mcp],
    ['/mcp', rpc('tasks/result', { taskId: run }), mcp],
    ['/mcp', rpc('tasks/cancel', { taskId: run }), mcp],
    ['/a2a', rpc('tasks/get', { id: run })],
    ['/a2a', rpc('tasks/cancel', { id: run })],
    ['/a2a', rpc('GetTask', { id: run }), { 'a2a-version': '1.0' }],
    ['/v1/responses', { model: 'openai/gpt-6-luna', input: 'x', previous_response_id: response }],
    ['/v1/runs', { pattern: 'map', input: { pattern: 'ask', items: [1], input: { prompt: 'x', policy }, after: map } }],
  ];
  const none = [randomUUID(), `resp_${randomUUID().replaceAll('-', '')}`, randomUUID()] as const;
  const nowhere = asks(...none);
  for (const [n, [path, body, headers]] of asks(theirs.run, theirs.response, theirs.map).entries()) {
    const there = await send(rival, 'POST', path, body, headers as never);
    const not = await send(rival, 'POST', path, nowhere[n]![1], headers as never);
    // Ids first: one that is made by chance may hold a part of the path.
    const told = (text: string, ids: readonly string[]) =>
      wording(
        ids.reduce((rest, id) => rest.replaceAll(id, ''), text),
        path,
      );
    expect([path, body, there.status, told(there.text, [theirs.run, theirs.response, theirs.map])]).toEqual([
      ...[path, body, not.status, told(not.text, none)],
    ]);
    expect(there.text).toMatch(/No (run|response)|not found|There is no/i);
  }
});

test('what a tenant starts is its own, and equal ids, names and data of two tenants are two things', async () => {
  const body = { pattern: 'ask', input: { prompt: 'of rival', policy }, id: 'first', tenant: 'acme' };
  const started = await send(rival, 'POST', '/v1/runs', body);
  expect([started.status, started.json().id]).toEqual([202, 'rival:first']);
  expect((await send(rival, 'GET', '/v1/runs/first/result?waitSeconds=20')).json().text).toContain('of rival');
  expect((await send(OPERATOR, 'GET', '/v1/runs/rival:first')).json()).toMatchObject({ tenant: 'rival' });
  expect((await send(acme, 'GET', '/v1/runs/first')).json()).toMatchObject({ id: 'acme:first', tenant: 'acme' });

  const schedule = { name: 'nightly', pattern: 'ask', input: { prompt: 'x', policy }, cron: '@yearly' };
  expect((await send(rival, 'POST', '/v1/schedules', schedule)).json()).toMatchObject({ name: 'rival:nightly' });
  expect((await send(rival, 'DELETE', '/v1/schedules/nightly')).status).toBe(204);
  expect((await send(acme, 'POST', '/v1/schedules/nightly/pause')).status).toBe(202);

  const jsonl = { 'content-type': 'application/jsonl' };
  const data = await send(rival, 'POST', '/v1/datasets', `{"a":"${MARK}"}\n{"a":"2"}\n`, jsonl);
  expect(data.json().id).not.toBe(theirs.data);
  const over = (source: string) => ({
    pattern: 'map',
    input: { pattern: 'ask', source, input: { prompt: '{{row}}' } },
  });
  const [stolen, none] = [theirs.data, `data-${randomUUID()}`];
  const refused = await send(rival, 'POST', '/v1/runs', over(stolen));
  expect(refused.status).toBe(400);
  expect(wording(refused.text, stolen)).toBe(wording((await send(rival, 'POST', '/v1/runs', over(none))).text, none));
});

test('an id or name that reads as a tenant’s is nobody else’s, though an operator gives it', async () => {
  const ask = (id: string, tenant?: string) => ({ pattern: 'ask', input: { prompt: 'x', policy }, id, tenant });
  for (const tenant of [undefined, 'rival']) {
    const refused = await send(OPERATOR, 'POST', '/v1/runs', ask('acme:taken', tenant));
    expect([refused.status, refused.json()]).toEqual([
      400,
      expect.objectContaining({ path: 'id', hint: expect.stringContaining('tenant: "acme"') }),
    ]);
  }
  const schedule = { name: 'acme:taken', pattern: 'ask', input: { prompt: 'x', policy }, cron: '@yearly' };
  expect((await send(OPERATOR, 'POST', '/v1/schedules', schedule)).status).toBe(400);
  expect((await send(acme, 'POST', '/v1/runs', ask('taken'))).json()).toMatchObject({ id: 'acme:taken', isNew: true });
  const again = await send(OPERATOR, 'POST', '/v1/runs', ask('acme:taken', 'acme'));
  expect(again.json()).toMatchObject({ id: 'acme:taken', isNew: false });
  expect((await send(OPERATOR, 'POST', '/v1/runs', ask('order:42'))).status).toBe(202);
});

test('a run that no worker has taken up has its tenant and metadata, wherever it is asked for', async () => {
  const workflowId = `acme:${randomUUID()}`;
  const metadata = { title: 'Rivers' };
  // No worker gets it within the hour.
  await bed.temporal.workflow.start('ask', {
    ...{ workflowId, taskQueue: bed.taskQueue, startDelay: '1 hour' },
    args: [
      { prompt: 'x', policy },
      { tenant: 'acme', metadata },
    ],
  });
  for (const key of [OPERATOR, acme]) {
    const shown = await send(key, 'GET', `/v1/runs/${workflowId}`);
    expect(shown.json()).toMatchObject({ id: workflowId, tenant: 'acme', metadata });
  }
  await bed.temporal.workflow.getHandle(workflowId).terminate();
});

test('a run of another’s data is refused also where a chain starts it', async () => {
  const step = {
    id: 'rows',
    pattern: 'map',
    input: { pattern: 'ask', source: theirs.data, input: { prompt: '{{row}}', policy } },
  };
  const started = await send(rival, 'POST', '/v1/runs', { pattern: 'chain', input: { steps: [step], policy } });
  const ended = await send(rival, 'GET', `/v1/runs/${started.json().id}/result?waitSeconds=30`);
  expect([ended.status, ended.json().detail]).toEqual([409, expect.stringContaining('There is no data set')]);
});

test('an Idempotency-Key is the tenant’s: the same request gives the same run, another one 409', async () => {
  const ask = (prompt: string) => ({ pattern: 'ask', input: { prompt, policy } });
  const key = { 'idempotency-key': 'order-7' };
  const first = (await send(acme, 'POST', '/v1/runs', ask('one'), key)).json();
  expect(first.id).toBe('acme:idem-order-7');
  expect((await send(acme, 'POST', '/v1/runs', ask('one'), key)).json().id).toBe(first.id);
  const other = await send(acme, 'POST', '/v1/runs', ask('two'), key);
  expect([other.status, other.json().path]).toEqual([409, 'Idempotency-Key']);
  expect((await send(rival, 'POST', '/v1/runs', ask('two'), key)).json().id).toBe('rival:idem-order-7');
  expect((await send(acme, 'POST', '/v1/runs', { ...ask('two'), id: 'idem-order-7' })).status).toBe(202);
});

const ROLES = { admin: 'arsop', operator: 'rsop', caller: 'rs', approver: 'rp' } as const;
const ACTS: [may: string, method: string, path: string, body?: unknown][] = [
  ['r', 'GET', '/v1/runs'],
  ['r', 'GET', '/v1/approvals'],
  ['r', 'GET', '/v1/spend'],
  ['s', 'POST', '/v1/runs', { pattern: 'none', input: {} }],
  ['s', 'POST', '/v1/runs/none/cancel'],
  ['s', 'POST', '/mcp', { jsonrpc: '2.0', id: 1, method: 'ping' }],
  ['p', 'POST', '/v1/runs/none/approvals/x', { approved: true }],
  ['o', 'POST', '/v1/schedules', { name: 'x', pattern: 'none', input: {}, cron: '@daily' }],
  ['o', 'DELETE', '/v1/schedules/none'],
  ['a', 'GET', '/v1/keys'],
  ['a', 'POST', '/v1/keys', { name: 'a b' }],
  ['a', 'DELETE', '/v1/keys/none'],
  ['a', 'PUT', '/v1/budgets/tenant%3Aacme', { budgetUsd: 1 }],
];

test.each(Object.entries(ROLES))('an %s may do what its role permits, and nothing else', async (role, permitted) => {
  const key = await keyFor({ name: `as-${role}`, tenant: 'roles', role: role as never });
  for (const [may, method, path, body] of ACTS) {
    const { status, text } = await send(key, method, path, body);
    const isForbidden = status === 403 && text.includes('with the role');
    expect([method, path, isForbidden]).toEqual([method, path, !permitted.includes(may)]);
  }
  expect((await send(key, 'GET', '/metrics')).status).toBe(403);
});

test('every route of the document asks for a key, but those that are for anyone', async () => {
  const [document, routes] = await documented();
  const open: string[] = [];
  for (const route of routes) {
    const body = route.body && sampleOf(document, route.body[1]);
    const { status } = await send('no-key', route.method, addressOf(route, 'acme'), body);
    if (status !== 401) open.push(route.path);
  }
  expect(open.filter((path) => !path.startsWith('/health/') && !path.includes('/.well-known/'))).toEqual([]);
});

test('a key is shown once, kept as a hash alone, rotated with a grace, and revoked within seconds', async () => {
  const made = await send(acme, 'POST', '/v1/keys', { name: 'ci', label: 'builds', tenant: 'rival' });
  const { secret, ...key } = made.json();
  expect([made.status, key]).toEqual([
    201,
    expect.objectContaining({ name: 'acme:ci', tenant: 'acme', role: 'caller' }),
  ]);
  expect(secret).toMatch(/^cdz_[\w-]{43}$/);
  expect((await send(acme, 'POST', '/v1/keys', { name: 'ci' })).status).toBe(409);
  const rows = await query(bed.databaseUrl, `select * from api_keys where name = 'acme:ci'`);
  expect(JSON.stringify(rows)).not.toContain(secret);
  expect((await send(secret, 'GET', '/v1/runs')).status).toBe(200);

  const rotated = (await send(acme, 'POST', '/v1/keys/ci/rotate', { grace: '1 hour' })).json();
  for (const each of [secret, rotated.secret]) expect((await send(each, 'GET', '/v1/runs')).status).toBe(200);
  const again = (await send(acme, 'POST', '/v1/keys/ci/rotate', { grace: 0 })).json();
  for (const each of [secret, rotated.secret]) expect((await send(each, 'GET', '/v1/runs')).status).toBe(401);

  const listed = await send(acme, 'GET', '/v1/keys');
  expect(listed.json().keys).toContainEqual(
    expect.objectContaining({ name: 'acme:ci', lastUsedAt: expect.any(String) }),
  );
  expect(listed.text).not.toMatch(/cdz_|hash/);
  expect((await send(again.secret, 'GET', '/v1/runs', undefined, { at: 'beside' })).status).toBe(200);
  expect((await send(acme, 'DELETE', '/v1/keys/ci')).json()).toMatchObject({ revokedAt: expect.any(String) });
  await until(
    async () => (await send(again.secret, 'GET', '/v1/runs', undefined, { at: 'beside' })).status === 401 || undefined,
  );
  expect((await send(acme, 'POST', '/v1/keys/ci/rotate', {})).status).toBe(404);

  const brief = await keyFor({ name: 'brief', expiresIn: 1 });
  await until(async () => (await send(brief, 'GET', '/v1/runs')).status === 401 || undefined);
});

test('a stream that is open ends when its key does: revoked at another gateway, or expired', async () => {
  const path = `/v1/runs/${theirs.waiting}/events`;
  const opened = async (at: ServedGateway, secret: string) => {
    const answer = await fetch(at.url + path, { headers: { authorization: `Bearer ${secret}` } });
    expect(answer.status).toBe(200);
    return answer.text();
  };
  const revoked = await keyFor({ name: 'leaver', tenant: 'acme', role: 'caller' });
  const expiring = await keyFor({ name: 'guest', tenant: 'acme', role: 'caller', expiresIn: '2 seconds' });
  const streams = [opened(served, revoked), opened(beside, revoked), opened(beside, expiring)];
  const staying = new AbortController();
  const headers = { authorization: `Bearer ${acme}` };
  const other = await fetch(served.url + path, { headers, signal: staying.signal });
  expect((await send(acme, 'DELETE', '/v1/keys/leaver')).status).toBe(200);
  for (const text of await Promise.all(streams)) {
    expect(text).toContain('event: approval.requested');
    expect(text).toMatch(/: this API key does not hold any more\n\n$/);
  }
  expect((await other.body!.getReader().read()).done).toBe(false);
  staying.abort();
});

test('a key that is limited itself makes no keys and sets no budgets, and a tenant not its own', async () => {
  const limited = await keyFor({ name: 'limited', tenant: 'acme', role: 'admin', budgetUsd: 5 });
  expect((await send(limited, 'POST', '/v1/keys', { name: 'free' })).status).toBe(403);
  expect((await send(limited, 'PUT', '/v1/budgets/key%3Aall', { budgetUsd: null })).status).toBe(403);
  expect((await send(acme, 'PUT', '/v1/budgets/tenant%3Aacme', { budgetUsd: 1_000 })).status).toBe(403);
  expect((await send(acme, 'PUT', '/v1/budgets/key%3Alimited', { budgetUsd: 6 })).json()).toMatchObject({
    ...{ account: 'key:acme:limited', budgetUsd: 6 },
  });
});

test('the requests a key may make a minute are counted over all gateways together', async () => {
  const key = await keyFor({ name: 'slow', tenant: 'acme', requestsPerMinute: 4 });
  const begunAt = performance.now();
  const asked = await Promise.all(
    Array.from({ length: 8 }, (_, n) => send(key, 'GET', '/v1/runs', undefined, { at: n % 2 ? 'beside' : 'here' })),
  );
  const tookSeconds = (performance.now() - begunAt) / 1_000;
  expect(asked.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 429, 429, 429, 429]);
  const refused = asked.find(({ status }) => status === 429)!;
  const seconds = Number(refused.headers.get('retry-after'));
  expect(seconds).toBeGreaterThanOrEqual(Math.floor(15 - tookSeconds));
  expect(seconds).toBeLessThanOrEqual(15);
  expect(refused.json()).toMatchObject({ errorType: 'RateLimited', retryAfterSeconds: seconds });
});

test('a key’s runs are booked on it, and end where its budget does', async () => {
  const key = await keyFor({ name: 'poor', tenant: 'acme', budgetUsd: 0 });
  const started = await send(key, 'POST', '/v1/runs', { pattern: 'ask', input: { prompt: 'too dear', policy } });
  const ended = await send(key, 'GET', `/v1/runs/${started.json().id}/result?waitSeconds=20`);
  expect([ended.status, ended.json().errorType]).toEqual([409, 'BudgetExceeded']);
  expect(bed.provider.asked('too dear')).toBe(0);
});

const luna = 'openai/gpt-6-luna';
const other = 'anthropic/claude-sonnet-5-5';
const limited = { models: [luna, 'gemini/*'] };
test.each<[what: string, limits: object, pattern: string, input: object, says: RegExp | undefined]>([
  ['a model on its list', limited, 'ask', { prompt: 'x', policy }, undefined],
  [
    'a candidate that is not',
    limited,
    'ask',
    { prompt: 'x', policy: { candidates: [luna, other] } },
    /may not ask anthropic/,
  ],
  ['the default policy', limited, 'ask', { prompt: 'x' }, /defaultPolicy/],
  ['a judge', limited, 'compare', { prompt: 'x', models: [luna], judge: other }, /input\.judge/],
  [
    'a chain’s sub-run',
    limited,
    'chain',
    { policy, steps: [{ id: 'a', pattern: 'ask', input: { prompt: 'x', policy: other } }] },
    /may not ask/,
  ],
  [
    'a crew in a chain',
    limited,
    'chain',
    {
      policy,
      steps: [
        {
          id: 'a',
          pattern: 'crew',
          input: {
            agents: [{ name: 'ann', role: 'r', goal: 'g', llm: other }],
            tasks: [{ name: 't', description: 'd', expectedOutput: 'e', agent: 'ann' }],
          },
        },
      ],
    },
    /may not ask/,
  ],
  [
    'rows that are inputs',
    limited,
    'map',
    { pattern: 'ask', items: [{ prompt: 'x', policy: other }] },
    /filled in as the run goes/,
  ],
  [
    'a template for a model',
    limited,
    'map',
    { pattern: 'ask', items: [{ m: other }], input: { prompt: 'x', policy: '{{item.m}}' } },
    /filled in/,
  ],
  [
    'a template for more than a text',
    limited,
    'map',
    { pattern: 'debate', policy, items: [{ d: 1 }], input: { question: 'x', debaters: '{{item.d}}' } },
    /filled in/,
  ],
  [
    'a row’s text',
    limited,
    'map',
    { pattern: 'ask', policy, items: [{ p: 'x' }], input: { prompt: '{{item.p}}' } },
    undefined,
  ],
  [
    'a route',
    limited,
    'ask',
    { prompt: 'x', route: { strategy: 'rules', default: luna, rules: [{ when: { code: true }, choose: other }] } },
    /may not ask/,
  ],
  [
    'a guardrail',
    limited,
    'ask',
    {
      prompt: 'x',
      policy: { ...policy, guardrails: { before: [{ check: 'model', model: other, question: 'Is it?' }] } },
    },
    /may not ask/,
  ],
  ['another pattern', { patterns: ['chain'] }, 'ask', { prompt: 'x', policy }, /may not start "ask"/],
  [
    'another pattern in a chain',
    { patterns: ['chain'] },
    'chain',
    { policy, steps: [{ id: 'a', pattern: 'ask', input: { prompt: 'x' } }] },
    /may not start "ask"/,
  ],
])('a key’s list of models and patterns holds for %s', async (_, limits, pattern, input, says) => {
  const client = bed.client.as({ role: 'caller', tenant: 'acme', key: 'acme:all', ...limits });
  const started = client.startUnchecked(pattern, input);
  if (says) await expect(started).rejects.toMatchObject({ code: 'Forbidden', message: expect.stringMatching(says) });
  else expect((await started).isNew).toBe(true);
});

test('forged cursors, bad JSON and strange requests are refused, each in the words of the API', async () => {
  const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const deep = '['.repeat(200_000);
  const wrong: [method: string, path: string, body?: string, headers?: Record<string, string>][] = [
    ['GET', `/v1/runs?cursor=${cursorOf(['2026-01-01', 7])}`],
    ['GET', `/v1/runs?cursor=${cursorOf(['not a day', 'x'])}`],
    ['GET', '/v1/runs?cursor=%00'],
    ['GET', '/v1/runs?pattern=%00'],
    ['GET', '/v1/runs/%00'],
    ['GET', '/v1/runs?limit=1e99'],
    ['GET', `/v1/runs/${theirs.run}/events?after=99999999999999999999`],
    ['POST', '/v1/runs', '{"pattern":'],
    ['POST', '/v1/runs', `{"pattern":"ask","input":${deep}`],
    ['POST', '/v1/runs', `{"pattern":"ask","input":${deep}${']'.repeat(200_000)}}`],
    ['POST', '/v1/runs', JSON.stringify({ pattern: 'ask', input: { prompt: 'x', policy }, tenant: '\u0000' })],
    ['POST', '/v1/runs', JSON.stringify({ pattern: 'ask', input: { prompt: 'x' } }), { 'idempotency-key': 'a b' }],
    ['POST', '/v1/runs', JSON.stringify({ pattern: '__proto__', input: {} })],
  ];
  for (const [method, path, body, headers] of wrong) {
    const { status, text } = await send(OPERATOR, method, path, body, headers);
    expect([path, status, text.slice(0, 300)]).toEqual([path, 400, expect.stringContaining('urn:cadenza:problem:')]);
  }
  const page = await send(OPERATOR, 'GET', '/v1/runs?limit=1');
  const forged = await send(rival, 'GET', `/v1/runs?limit=200&cursor=${page.json().nextCursor}`);
  expect([forged.status, forged.text.includes('acme')]).toEqual([200, false]);
});

/** Sends bytes as they are. @returns what comes until the server hangs up */
async function sendRaw(port: number, ...pieces: string[]): Promise<string> {
  const socket = createConnection({ port, host: '127.0.0.1' });
  const answer = text(socket).catch((error: Error) => error.message);
  for (const piece of pieces) socket.write(piece);
  return answer;
}

test('a client that does not end its headers is hung up on, and others are served meanwhile', async () => {
  const slow = sendRaw(served.port, 'GET /v1/runs HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
  expect((await send(OPERATOR, 'GET', '/v1/runs?limit=1')).status).toBe(200);
  expect(await slow).toMatch(/^HTTP\/1\.1 408 /);
});

test.each([
  ['a header that would split the answer', 'x-request-id: a%0d%0aset-cookie: x=1'],
  ['one that is no id', 'x-request-id: <script>'],
  ['one without end', `x-request-id: ${'a'.repeat(1_000)}`],
])('%s is not given back', async (_, header) => {
  const request = `GET /health/live HTTP/1.1\r\nHost: localhost\r\n${header}\r\nConnection: close\r\n\r\n`;
  const answer = await sendRaw(served.port, request);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer).toMatch(/\r\nx-request-id: [0-9a-f-]{36}\r\n/i);
  expect(answer).not.toMatch(/set-cookie|script>/i);
});

test('every answer has its request id and the headers that keep browsers from making more of it', async () => {
  for (const [method, path] of [
    ['GET', '/v1/runs'],
    ['GET', '/v1/none'],
    ['PUT', '/v1/runs'],
    ['GET', '/health/live'],
  ] as const) {
    const { headers } = await send(acme, method, path, undefined, { 'x-request-id': 'of-mine' });
    expect(headers.get('x-request-id')).toBe('of-mine');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('access-control-allow-origin')).toBeNull();
  }
  const refused = await send(acme, 'PUT', '/v1/runs', {});
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  expect((await send(acme, 'GET', '/v1/runs')).headers.get('cache-control')).toBe('no-store');
});

/** Numbers from 0 to 1, the same each time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const STRANGE: unknown[] = [
  ...[null, true, 0, -1, 1.5, 1e308, 2 ** 53, '', ' ', '\u0000', '\ud800', '💥', '../..', '{{item}}', "' or 1=1 --"],
  ...[
    'a'.repeat(3_000),
    [],
    [[]],
    {},
    { $ref: '#' },
    { constructor: { prototype: 1 } },
    '2026-02-31',
    'NaN',
    '10 years',
  ],
];

/** A value with one part of it made strange. */
function madeStrange(value: unknown, random: () => number): unknown {
  const any = STRANGE[Math.floor(random() * STRANGE.length)];
  if (typeof value !== 'object' || value === null || random() < 0.15) return any;
  const fields = Object.entries(value);
  if (fields.length === 0 || random() < 0.2)
    return Array.isArray(value) ? [...value, any] : { ...value, [String(any)]: any };
  const [name, inside] = fields[Math.floor(random() * fields.length)]!;
  if (random() < 0.2 && !Array.isArray(value)) return Object.fromEntries(fields.filter(([field]) => field !== name));
  return Object.assign(Array.isArray(value) ? [...value] : { ...value }, { [name]: madeStrange(inside, random) });
}

test('the audit log says who approved, cancelled, forked and set budgets, from where; a tenant’s admin reads the tenant’s', async () => {
  const ask = { pattern: 'conversation', input: { policy }, id: 'to-cancel' };
  expect((await send(acme, 'POST', '/v1/runs', ask)).status).toBe(202);
  expect((await send(acme, 'POST', '/v1/runs/to-cancel/cancel')).status).toBe(202);
  expect((await send(OPERATOR, 'PUT', '/v1/budgets/tenant:acme', { budgetUsd: 1_000 })).status).toBe(200);
  expect((await send(acme, 'POST', '/v1/runs/first/fork', { fromStep: 'ask' })).status).toBe(202);
  const waiting = theirs.waiting.slice('acme:'.length);
  const answer = { approved: true, comment: MARK };
  expect((await send(acme, 'POST', `/v1/runs/${waiting}/approvals/sign-off`, answer)).status).toBe(202);
  expect((await send(acme, 'POST', `/v1/runs/${waiting}/approvals/sign-off`, answer)).status).toBe(409);

  const { status, text, json } = await send(acme, 'GET', '/v1/audit?limit=6');
  expect(status).toBe(200);
  expect(text).not.toContain(MARK);
  const [operator, own] = [{ actor: expect.stringMatching(/^key:[0-9a-f]{12}$/) }, { actor: 'key:acme:all' }];
  const from = { via: 'http', address: expect.stringContaining('127.0.0.1'), role: 'admin', tenant: 'acme' };
  expect(json().entries).toEqual([
    expect.objectContaining({ action: 'approval.answer', refused: 'Conflict' }),
    expect.objectContaining({ action: 'approval.answer', details: { approval: 'sign-off', approved: true } }),
    expect.objectContaining({ action: 'approval.answer', subject: theirs.waiting, ...own, ...from }),
    expect.objectContaining({ action: 'run.fork', subject: 'acme:first', details: { fromStep: 'ask' }, ...from }),
    expect.objectContaining({
      action: 'budget.set',
      subject: 'tenant:acme',
      ...operator,
      details: { budgetUsd: 1_000 },
    }),
    expect.objectContaining({ action: 'run.cancel', subject: 'acme:to-cancel', ...own, ...from }),
  ]);
  expect((await send(rival, 'GET', '/v1/audit?tenant=acme')).text).not.toContain('"subject":"acme');
});

test('600 requests made of the document and made strange: no answer of 500 or more, none that leaks or hangs', async () => {
  const [document, routes] = await documented();
  const random = seeded(20_261_129);
  const pick = <Value>(values: readonly Value[]) => values[Math.floor(random() * values.length)]!;
  const known = routes.filter(({ path }) => !path.startsWith('/health/'));
  const strangeText = () => encodeURIComponent(String(pick(STRANGE)).toWellFormed());
  const requests = Array.from({ length: 600 }, () => {
    const route = pick(known);
    const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      random() < 0.6 ? encodeURIComponent(named(route, name, 'acme')) : strangeText() || 'x',
    );
    const queries = route.parameters.filter(
      (one) => one.in === 'query' && one.name !== 'waitSeconds' && random() < 0.5,
    );
    const asked = queries.map(({ name }) => `${name}=${strangeText()}`).join('&');
    const body = route.body && sampleOf(document, route.body[1]);
    const strange = route.body && random() < 0.9 ? madeStrange(body, random) : body;
    const type = random() < 0.9 ? (route.body?.[0] ?? 'application/json') : 'text/plain';
    return { method: route.method, address: asked ? `${path}?${asked}` : path, body: strange, type };
  });
  const bad: unknown[] = [];
  const work = async () => {
    for (let next = requests.pop(); next; next = requests.pop()) {
      const { method, address, body, type } = next;
      const { status, text } = await send(rival, method, address, body, { 'content-type': type });
      if (status >= 500 || text.includes(MARK)) bad.push([method, address, body, status, text]);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  expect(bad).toEqual([]);
});
