import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { CreateKey } from '../../src/contract/index.ts';
import { createGateway, type ServedGateway, serveGateway } from '../../src/gateway/index.ts';
import { mockProvider } from '../setup/mock-provider.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';
import { testLog } from '../setup/test-log.ts';
import { untilEvent } from '../setup/until.ts';
import { type DocumentedRoute, type OpenApiDocument, routesOf, sampleOf } from './request-of.ts';

const OPERATOR = 'the-operator-of-this-test';
/** Stands in everything that is acme's. */
const MARK = 'acme-alone-knows-this';
const policy = { candidates: ['openai/gpt-6-luna'] };

let bed: StepBed;
let served: ServedGateway;
let beside: ServedGateway;
let acme: string;
let rival: string;
let theirs: { run: string; waiting: string; conversation: string; map: string; schedule: string; data: string };

beforeAll(async () => {
  bed = await stepBed(await mockProvider());
  const { log } = testLog();
  const open = () => {
    const app = createGateway({
      ...{ client: bed.client, links: { namespace: 'default' }, apiKeys: [OPERATOR], version: '1', log },
    });
    return serveGateway({ app, port: 0, host: '127.0.0.1', log });
  };
  [served, beside] = [await open(), await open()];
  acme = await keyFor({ name: 'all', tenant: 'acme', role: 'admin' });
  rival = await keyFor({ name: 'all', tenant: 'rival', role: 'admin' });
  theirs = await workOfAcme();
});
afterAll(async () => {
  await Promise.all([served.close(), beside.close()]);
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
  const conversation = await client.start('conversation', { system: MARK, policy });
  const data = await client.upload(rows(), 'jsonl');
  const map = await client.start('map', { pattern: 'ask', source: data.id, input: { prompt: '{{item.a}}', policy } });
  await map.result();
  const schedule = { name: 'nightly', pattern: 'ask', input: { prompt: MARK, policy }, cron: '@yearly' };
  const { name } = await client.schedules.create(schedule);
  return { run: run.id, waiting, conversation: conversation.id, map: map.id, schedule: name, data: data.id };
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
  const none = randomUUID();
  if (name === 'account') return whose === 'acme' ? 'tenant:acme' : 'tenant:nobody';
  if (name === 'approvalId') return 'sign-off';
  if (name === 'toolCallId') return 'call-1';
  if (name === 'name') {
    if (whose === 'nobody') return none;
    return route.path.includes('/keys/') ? 'acme:all' : theirs.schedule;
  }
  if (whose === 'nobody') return none;
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
  for (const route of routes.filter(({ path }) => path.includes('{') && !path.includes('/webhooks/'))) {
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
  const reads = routes.filter(({ method, path }) => method === 'GET' && path.startsWith('/v1/runs/{id}'));
  for (const route of reads.filter(({ path }) => !path.endsWith('/events'))) {
    expect([route.path, (await send(acme, 'GET', addressOf(route, 'acme'))).status]).toEqual([route.path, 200]);
  }
});

test('lists hold only what is the tenant’s, whatever the query says', async () => {
  for (const path of ['/v1/runs?tenant=acme', '/v1/runs', '/v1/approvals', '/v1/schedules', '/v1/keys']) {
    const { status, text } = await send(rival, 'GET', path);
    expect([path, status]).toEqual([path, 200]);
    expect(text).not.toContain('acme');
  }
});
