import { randomBytes } from 'node:crypto';
import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import proto from '@temporalio/proto';
import { z } from 'zod';
import { encryptionKeys, parseConfig } from '../../src/config/index.ts';
import type { CreateKey, PatternName, RunEvent } from '../../src/contract/index.ts';
import { createGateway } from '../../src/gateway/index.ts';
import { openStore } from '../../src/store/index.ts';
import { defineTool } from '../../src/tools/index.ts';
import type { RunningWorker } from '../../src/workers/index.ts';
import { type MockProvider, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { testLog } from '../setup/test-log.ts';
import { until } from '../setup/until.ts';
import { query } from '../store/fresh-store.ts';
import { forms, newKey, sealedBed } from './sealed-bed.ts';

const { temporal } = proto;

/** Stands in everything that is said, by people, models and tools. */
const MARKER = `marker${randomBytes(12).toString('hex')}`;
const [FIRST, SECOND] = [newKey('one'), newKey('two')];
const models = ['openai/gpt-6-luna', 'anthropic/claude-sonnet-5-5'];
const policy = { candidates: [models[0]!], maxAttempts: 1 };
const sandbox = { candidates: ['sandbox/gpt'], cache: false as const };

const tools = [
  defineTool({
    name: 'book',
    description: 'Books a hotel.',
    input: z.object({ city: z.string() }),
    approval: 'always',
    run: ({ city }) => `booked for ${MARKER} in ${city}`,
  }),
  defineTool({
    name: 'broken',
    description: 'Fails.',
    input: z.object({ why: z.string() }),
    run: ({ why }) => {
      throw new Error(`broken by ${why}`);
    },
  }),
];

/** Uses both tools, then says what they gave; fails where it is asked to; else repeats what it was told. */
function say(request: ChatCompletionRequest): FixtureResponse {
  const prompt = promptOf(request);
  const results = request.messages.filter(({ role }) => role === 'tool').length;
  const use = (name: string, args: object) => ({
    toolCalls: [{ name, arguments: JSON.stringify(args) }],
    usage: USAGE,
  });
  if (prompt.includes('FAIL'))
    return { status: 400, error: { message: `No, ${MARKER}`, type: 'invalid_request_error' } };
  if (prompt.includes('BOOK') && results === 0) return use('book', { city: MARKER });
  if (prompt.includes('BOOK') && results === 1) return use('broken', { why: MARKER });
  return { content: `answer to: ${prompt}`, usage: USAGE };
}

let provider: MockProvider;
let bed: Awaited<ReturnType<typeof sealedBed>>;
let worker: RunningWorker;
let told: { id: string; result: unknown; long: string };
beforeAll(async () => {
  provider = await mockProvider(say);
  const word = { chunkSize: 9, streamingProfile: { ttft: 20, tps: 8 } };
  provider.first((request) => promptOf(request).startsWith('Of '), say, word);
  bed = await sealedBed(provider, { tools, documents: { embeddings: 'openai/text-embedding-3-small' } });
  worker = await bed.worker(FIRST);
});
afterAll(async () => {
  await worker.drain();
  await bed.close();
  await provider.stop();
});

async function run(pattern: PatternName, input: object, options = {}) {
  const started = await worker.client.startUnchecked(pattern, input, { metadata: { of: MARKER }, ...options });
  const outcome = await until(async () => {
    const now = await worker.client.outcome(started.id, 20);
    return now.status === 'running' ? undefined : now;
  });
  const events = await Array.fromAsync(worker.client.events(started.id));
  return { id: started.id, ...outcome, events };
}

const textOf = (events: RunEvent[]) => events.flatMap((event) => (event.type === 'call.delta' ? [event.text] : []));

test('a marker goes through every pattern, and is what its people read', async () => {
  const asked = await run('ask', { prompt: `Of ${MARKER}`, system: MARKER, policy });
  expect(asked).toMatchObject({ status: 'completed', result: { text: `answer to: Of ${MARKER}` } });
  const streamed = textOf(asked.events);
  expect(streamed.length).toBeGreaterThan(1);
  expect(streamed.join('')).toBe(`answer to: Of ${MARKER}`);
  expect(await worker.client.show(asked.id)).toMatchObject({ metadata: { of: MARKER } });

  const failed = await run('ask', { prompt: `FAIL ${MARKER}`, policy });
  expect(failed).toMatchObject({ status: 'failed', error: { message: expect.stringContaining(MARKER) } });
  const words = `${MARKER} ${'and so on '.repeat(6_000)}`;
  const long = await run('ask', { prompt: words, policy });
  const direct = await run('ask', { prompt: `${words} directly`, policy }, { lane: 'direct' });
  expect([long.status, direct.status]).toEqual(['completed', 'completed']);
  told = { id: asked.id, result: 'result' in asked && asked.result, long: long.id };

  const chain = {
    steps: [
      { id: 'a', prompt: `{{input.x}}`, policy },
      { id: 'b', prompt: '{{steps.a.text}}', policy },
    ],
  };
  const chained = await run('chain', { input: { x: MARKER }, ...chain });
  expect(chained).toMatchObject({ result: { output: `answer to: answer to: ${MARKER}` } });
  const fork = await worker.client.fork(chained.id, { fromStep: 'b', overrides: { prompt: `Otherwise ${MARKER}` } });
  expect(await worker.client.result(fork.id)).toMatchObject({ output: `answer to: Otherwise ${MARKER}` });

  const talk = await worker.client.start('conversation', { system: MARKER, policy });
  for (const text of [`First ${MARKER}`, `Second ${MARKER}`]) {
    expect((await worker.client.send(talk.id, text, { id: text.slice(0, 5) })).text).toBe(`answer to: ${text}`);
  }
  await worker.client.end(talk.id);

  const agent = await worker.client.start('agent', { task: `BOOK ${MARKER}`, tools: ['book', 'broken'], policy });
  const approval = await until(async () => (await worker.client.approvals(agent.id))[0]);
  expect(approval.show).toMatchObject({ tool: 'book', arguments: { city: MARKER } });
  await worker.client.approve(agent.id, approval.approval, { approved: true, comment: `By ${MARKER}` });
  expect(await agent.result()).toMatchObject({ toolCalls: [{ tool: 'book' }, { error: 'ToolFailed' }] });
  const results = (await Array.fromAsync(agent.events())).filter(({ type }) => type === 'tool.completed');
  expect(JSON.stringify(results)).toContain(`booked for ${MARKER}`);

  const map = await run('map', {
    pattern: 'ask',
    items: [{ x: MARKER }, { x: `${MARKER} FAIL` }],
    input: { prompt: '{{item.x}}', policy },
  });
  expect(map).toMatchObject({ result: { done: 1, failed: 1 } });
  const { items } = await worker.client.items(map.id);
  expect(items[0]).toMatchObject({ input: { x: MARKER }, answer: { text: `answer to: ${MARKER}` } });

  const source = { name: 'note', text: `# About ${MARKER}\n\nThe secret of ${MARKER} is kept.`, type: 'markdown' };
  expect(await run('ingest', { collection: 'notes', sources: [source] })).toMatchObject({ result: { documents: 1 } });
  expect(await run('ingest', { collection: 'notes', sources: [source] })).toMatchObject({ result: { skipped: 1 } });
  const answered = await run('answer', { collection: 'notes', question: MARKER, policy: sandbox });
  const found = answered.events.find(({ type }) => type === 'documents.found');
  expect(found).toMatchObject({ query: MARKER, passages: [{ heading: `About ${MARKER}` }] });

  const question = { prompt: MARKER, policy: sandbox };
  const agents = { writer: { role: 'Writer', goal: MARKER } };
  const tasks = { write: { description: MARKER, agent: 'writer' } };
  const debaters = ['for', 'against'].map((role) => ({ name: role, model: 'sandbox/gpt', role }));
  const others: [PatternName, object][] = [
    ['compare', { prompt: MARKER, models, judge: 'sandbox/gpt', merge: 'sandbox/gpt' }],
    ['council', { prompt: MARKER, members: ['sandbox/gpt', 'sandbox/claude'], chairman: 'sandbox/gpt' }],
    ['best-of', { ...question, n: 2, judge: 'sandbox/gpt' }],
    ['crew', { agents, tasks, policy: sandbox }],
    ['debate', { question: MARKER, debaters, rounds: 1, judge: 'sandbox/gpt' }],
    ['plan', { goal: MARKER, tools: [], policy: sandbox, plan: { steps: [{ id: 'a', what: MARKER, tools: [] }] } }],
    ['embed', { texts: [MARKER], model: 'openai/text-embedding-3-small' }],
  ];
  const ends = await Promise.all(others.map(async ([pattern, input]) => [pattern, (await run(pattern, input)).status]));
  expect(ends.filter(([, status]) => status !== 'completed')).toEqual([]);
});

test('and lies in no table of Cadenza’s and no file of Temporal’s, as it is, in base64 or in hex', async () => {
  const found = [];
  for (const { where, bytes } of await bed.everything()) {
    for (const form of forms(MARKER)) if (bytes.includes(form)) found.push(where);
  }
  expect(found).toEqual([]);
  // looked for where it would be
  expect(await query(bed.databaseUrl, 'select from events')).not.toHaveLength(0);
  const files = (await bed.everything()).filter(({ where }) => /\.db(-wal)?$/.test(where));
  expect(files.some(({ bytes }) => bytes.includes(told.id))).toBe(true);
});

test('who knows no key reads nothing at Temporal’s either', async () => {
  const handle = bed.plainly.workflow.getHandle(told.id);
  const events = JSON.stringify(await handle.fetchHistory());
  expect(events).toContain(Buffer.from('binary/encrypted').toString('base64'));
  await expect(handle.result()).rejects.toThrow('binary/encrypted');
});

test('Temporal’s UI is shown what it says by the codec server, to operators alone', async () => {
  const ui = 'http://temporal.example';
  const { log } = testLog();
  const links = { namespace: 'default', temporalUiUrl: `${ui}/` };
  const app = createGateway({ client: worker.client, links, apiKeys: ['an-operators-key'], version: '1', log });
  const payloadsOf = async (id: string) => {
    const { events } = await bed.plainly.workflow.getHandle(id).fetchHistory();
    const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    return {
      payloads: input.map((payload) => temporal.api.common.v1.Payload.toObject(payload as never, { bytes: String })),
    };
  };
  const decode = async (headers: Record<string, string>, id = told.id) => {
    const body = JSON.stringify(await payloadsOf(id));
    const all = { 'content-type': 'application/json', 'x-namespace': 'default', ...headers };
    const response = await app.request('http://localhost/codec/decode', { method: 'POST', headers: all, body });
    const { payloads } = (await response.json()) as { payloads?: { data: string }[] };
    return {
      status: response.status,
      headers: response.headers,
      text: Buffer.from(payloads?.[0]?.data ?? '', 'base64').toString(),
    };
  };
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

  const shown = await decode({ ...bearer('an-operators-key'), origin: ui });
  expect(JSON.parse(shown.text)).toMatchObject({ prompt: `Of ${MARKER}`, system: MARKER });
  expect(shown.headers.get('access-control-allow-origin')).toBe(ui);
  expect(shown.headers.get('access-control-allow-credentials')).toBe('true');
  // a large one is but a reference in the history
  expect((await decode(bearer('an-operators-key'), told.long)).text).toContain(MARKER);

  expect(await decode({})).toMatchObject({ status: 401, text: '' });
  const keys: CreateKey[] = [
    { name: 'a', role: 'admin', tenant: 'acme' },
    { name: 'b', role: 'caller' },
    { name: 'c', role: 'approver' },
  ];
  for (const key of keys) {
    const { secret } = await worker.client.keys.create(key);
    expect(await decode(bearer(secret))).toMatchObject({ status: 403, text: '' });
  }
  const elsewhere = await decode({ ...bearer('an-operators-key'), origin: 'http://elsewhere.example' });
  expect(elsewhere.headers.get('access-control-allow-origin')).toBeNull();

  const signIn = (key: string) =>
    app.request('http://localhost/codec/sign-in', { method: 'POST', body: new URLSearchParams({ key }) });
  expect((await signIn('a-guess')).status).toBe(403);
  const cookie = (await signIn('an-operators-key')).headers.get('set-cookie')!;
  expect(cookie).toMatch(/; Path=\/codec;.* HttpOnly; SameSite=Strict/);
  expect((await decode({ cookie: cookie.split(';')[0]! })).text).toContain(MARKER);
});

test('after a rotation what was sealed before is read, found again and not paid twice; with other keys nothing starts', async () => {
  const asked = provider.asked(MARKER);
  await worker.drain();
  worker = await bed.worker(`${SECOND},${FIRST}`);
  expect(await worker.client.result(told.id)).toEqual(told.result);
  expect(await Array.fromAsync(worker.client.events(told.id))).toHaveLength(
    (await query(bed.databaseUrl, `select from events join runs using (chain) where id = '${told.id}'`)).length,
  );
  const again = await run('ask', { prompt: `Of ${MARKER}`, system: MARKER, policy });
  expect(again.events.map(({ type }) => type)).toContain('call.cached');
  expect(provider.asked(MARKER)).toBe(asked);

  const whole = Number.POSITIVE_INFINITY;
  const open = async (keys?: string) => {
    const encryption = await encryptionKeys({ CADENZA_ENCRYPTION_KEYS: keys }, parseConfig({}));
    const store = await openStore({ url: bed.databaseUrl, encryption });
    const merged = await store.retention.prune({ deltas: 0, events: whole, calls: whole, runs: whole });
    await store.close();
    return merged;
  };
  await expect(open(newKey('two'))).rejects.toThrow(/cannot be read with the keys.*"two".*another key/s);
  await expect(open(FIRST)).rejects.toThrow(/"two", which is not among those of this process \(one\)/);
  await expect(open()).rejects.toThrow(/sealed, with the key "two", and this process has none/);
  // Nothing is lost by it. Text is joined where it lies, without a look inside, also by who could not open it.
  expect((await open(SECOND))!.deltas).toBeGreaterThan(1);
  expect(textOf(await Array.fromAsync(worker.client.events(told.id)))).toEqual([`answer to: Of ${MARKER}`]);
  expect(await worker.client.result(told.id)).toEqual(told.result);
});
