import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { gatewayForTest, type TestGateway } from './gateway-for-test.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await gatewayForTest();
});
afterEach(() => gateway.served.close());

const ask = { pattern: 'ask', input: { prompt: 'Why do rivers bend?' } };

test('a started run answers 202 with its links, the Temporal UI among them', async () => {
  const response = await gateway.post('/v1/runs', {
    ...ask,
    id: 'rivers/1',
    tenant: 'acme',
    budgetUsd: 2,
    metadata: { a: 1 },
  });
  expect(response.status).toBe(202);
  expect(await response.json()).toEqual({
    id: 'rivers/1',
    pattern: 'ask',
    status: 'running',
    isNew: true,
    links: {
      self: '/v1/runs/rivers%2F1',
      result: '/v1/runs/rivers%2F1/result',
      events: '/v1/runs/rivers%2F1/events',
      bill: '/v1/runs/rivers%2F1/bill',
      timeline: '/v1/runs/rivers%2F1/timeline',
      temporal: 'http://localhost:8233/namespaces/default/workflows/rivers%2F1',
    },
  });
  expect(gateway.runs.get('rivers/1')).toMatchObject({
    input: ask.input,
    options: { tenant: 'acme', budgetUsd: 2, metadata: { a: 1 } },
  });
});

test('a run whose id holds a slash is found by its link', async () => {
  const { links } = (await (await gateway.post('/v1/runs', { ...ask, id: 'rivers/1' })).json()) as {
    links: { self: string };
  };
  const response = await gateway.get(links.self);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ id: 'rivers/1', status: 'running', links: { self: links.self } });
});

test('the same Idempotency-Key gives the same run, whose id says so', async () => {
  const first = await gateway.post('/v1/runs', ask, { 'idempotency-key': 'order-7' });
  const second = await gateway.post('/v1/runs', ask, { 'idempotency-key': 'order-7' });
  expect([first.status, second.status]).toEqual([202, 202]);
  expect(await first.json()).toMatchObject({ id: 'idem-order-7' });
  expect(await second.json()).toMatchObject({ id: 'idem-order-7' });
  expect([...gateway.runs.keys()]).toEqual(['idem-order-7']);
});

test('the same Idempotency-Key gives the same run of a named agent', async () => {
  const start = () => gateway.post('/v1/agents/default/runs', { task: 'Book it' }, { 'idempotency-key': 'order-8' });
  const [first, second] = [await start(), await start()];
  expect([first.status, second.status]).toEqual([202, 202]);
  expect(await first.json()).toMatchObject({ id: 'idem-order-8', pattern: 'agent' });
  expect(await second.json()).toMatchObject({ id: 'idem-order-8', pattern: 'agent' });
  expect([...gateway.runs.keys()]).toEqual(['idem-order-8']);
});

test('a repeated start of a run that has ended says that it has ended', async () => {
  await gateway.post('/v1/runs', { ...ask, id: 'done' });
  gateway.runs.get('done')!.outcome = { status: 'completed', result: {} };
  expect(await (await gateway.post('/v1/runs', { ...ask, id: 'done' })).json()).toMatchObject({ status: 'completed' });
});

const refused: [
  name: string,
  body: unknown,
  headers: Record<string, string>,
  status: number,
  path: string | undefined,
][] = [
  ['a body that is not JSON', '{"pattern": ', {}, 400, undefined],
  ['a body not said to be JSON', ask, { 'content-type': 'text/plain' }, 415, undefined],
  ['no pattern', { input: {} }, {}, 400, 'pattern'],
  ['an unknown pattern', { pattern: 'guess', input: {} }, {}, 400, 'pattern'],
  ['an unknown field', { ...ask, colour: 'red' }, {}, 400, 'colour'],
  ['an unknown field of the input', { pattern: 'ask', input: { prompt: 'a', colour: 1 } }, {}, 400, 'input.colour'],
  ['a budget below 0', { ...ask, budgetUsd: -1 }, {}, 400, 'budgetUsd'],
  ['an id that cannot be one', { ...ask, id: 'a b' }, {}, 400, 'id'],
  ['an Idempotency-Key that cannot be part of an id', ask, { 'idempotency-key': 'a b' }, 400, 'Idempotency-Key'],
  ['no input', { pattern: 'ask' }, {}, 400, 'input'],
  [
    'a policy without candidates',
    { pattern: 'ask', input: { prompt: 'a', policy: { candidates: [] } } },
    {},
    400,
    'input.policy.candidates',
  ],
  [
    'a candidate that is no model',
    { pattern: 'ask', input: { prompt: 'a', policy: { candidates: ['gpt 7'] } } },
    {},
    400,
    'input.policy.candidates[0]',
  ],
  [
    'a clock below 0',
    { pattern: 'ask', input: { prompt: 'a', policy: { candidates: ['a/b'], timeouts: { totalMs: -5 } } } },
    {},
    400,
    'input.policy.timeouts.totalMs',
  ],
];

test.each(refused)(
  '%s is refused with the path of the field, and nothing is started',
  async (_, body, headers, status, path) => {
    const response = await gateway.post('/v1/runs', body, headers);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    const problem = (await response.json()) as Record<string, unknown>;
    expect(problem).toMatchObject({
      type: 'urn:cadenza:problem:InvalidRequest',
      title: expect.any(String),
      status,
      detail: expect.any(String),
      errorType: 'InvalidRequest',
    });
    expect(problem.path).toBe(path);
    expect(gateway.runs.size).toBe(0);
  },
);

test.each(['with a Content-Length', 'chunked'])('a body over 16 MB is refused with 413, %s', async (how) => {
  const body = JSON.stringify({ pattern: 'ask', input: { prompt: 'x'.repeat(20 * 1024 * 1024) } });
  const response = await fetch(`${gateway.served.url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    ...(how === 'chunked' ? { body: new Blob([body]).stream(), duplex: 'half' as const } : { body }),
  });
  expect(response.status).toBe(413);
  expect(await response.json()).toMatchObject({ status: 413, errorType: 'InvalidRequest' });
  expect(gateway.runs.size).toBe(0);
});

test('a body just under 16 MB is taken', async () => {
  const prompt = 'x'.repeat(15 * 1024 * 1024);
  expect((await gateway.post('/v1/runs', { pattern: 'ask', input: { prompt } })).status).toBe(202);
});
