import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { gatewayForTest, type TestGateway } from './gateway-for-test.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await gatewayForTest();
  await gateway.client.startUnchecked('ask', { prompt: 'a' }, { id: 'r1' });
});
afterEach(() => gateway.served.close());

test.each(['', '/input', '/result', '/events', '/bill', '/timeline'])(
  'GET /v1/runs/{id}%s of an unknown run is 404',
  async (route) => {
    const response = await gateway.get(`/v1/runs/nobody${route}`);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({
      status: 404,
      errorType: 'NotFound',
      detail: 'There is no run "nobody".',
    });
  },
);

test('a result is 202 while the run is under way and 200 with what the pattern returned after', async () => {
  const early = await gateway.get('/v1/runs/r1/result');
  expect(early.status).toBe(202);
  expect(await early.json()).toMatchObject({ id: 'r1', status: 'running', links: { result: '/v1/runs/r1/result' } });
  gateway.runs.get('r1')!.outcome = { status: 'completed', result: { text: 'They wander.' } };
  const late = await gateway.get('/v1/runs/r1/result?waitSeconds=5');
  expect(late.status).toBe(200);
  expect(await late.json()).toEqual({ text: 'They wander.' });
});

test('the result of a failed run is 409 with the type, the step and what to do', async () => {
  gateway.runs.get('r1')!.outcome = {
    status: 'failed',
    error: { type: 'RateLimited', message: 'openai/x is busy.', step: 'draft', model: 'openai/x', hint: 'Wait.' },
  };
  const response = await gateway.get('/v1/runs/r1/result');
  expect(response.status).toBe(409);
  expect(await response.json()).toMatchObject({
    status: 409,
    errorType: 'RateLimited',
    step: 'draft',
    model: 'openai/x',
    detail: 'openai/x is busy.',
    hint: 'Wait.',
  });
});

test('a cancelled run answers 202 to the cancel and 409 to who asks for its result', async () => {
  expect((await gateway.post('/v1/runs/r1/cancel', '')).status).toBe(202);
  const response = await gateway.get('/v1/runs/r1/result');
  expect(response.status).toBe(409);
  expect(await response.json()).toMatchObject({ errorType: 'Cancelled' });
});

test.each([
  ['/v1/runs?limit=0', 'query.limit'],
  ['/v1/runs?status=asleep', 'query.status'],
  ['/v1/runs/r1/result?waitSeconds=-1', 'query.waitSeconds'],
  ['/v1/runs/r1/events?after=x', 'query.after'],
  ['/v1/runs?since=yesterday', 'query.since'],
  ['/v1/spend?by=hour', 'query.by[0]'],
  ['/v1/spend?to=soon', 'query.to'],
  ['/v1/spend?timeZone=Mars', 'query.timeZone'],
])('%s is refused naming %s', async (path, field) => {
  const response = await gateway.get(path);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ path: field, errorType: 'InvalidRequest' });
});

test('what a run was started with is shown, and spending is told apart as asked', async () => {
  expect(await (await gateway.get('/v1/runs/r1/input')).json()).toEqual({
    ...{ id: 'r1', pattern: 'ask', input: { prompt: 'a' } },
  });
  for (const by of ['by=day,model', 'by=day&by=model']) {
    const spend = await (await gateway.get(`/v1/spend?${by}&from=2026-01-02`)).json();
    expect(spend).toMatchObject({ by: ['day', 'model'], from: '2026-01-02', total: { costUsd: 0 }, lines: [] });
  }
});

test('runs are listed with their links, filtered, with a cursor', async () => {
  await gateway.client.startUnchecked('compare', { prompt: 'a', models: ['a/b'] }, { id: 'r2' });
  const page = await (await gateway.get('/v1/runs?pattern=compare&limit=1')).json();
  expect(page).toMatchObject({ runs: [{ id: 'r2', links: { self: '/v1/runs/r2' } }], nextCursor: 'next' });
  expect((page as { runs: unknown[] }).runs).toHaveLength(1);
});

test('an unknown route is a 404 problem that points at the docs', async () => {
  const response = await gateway.get('/v2/runs');
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ errorType: 'NotFound', hint: expect.stringContaining('/docs') });
});

test('an unexpected error is a 500 problem without insides; the log has them under the same request id', async () => {
  gateway.state.broken = new Error('relation "runs" does not exist at 10.0.0.7');
  const response = await gateway.get('/v1/runs/r1', { headers: { 'x-request-id': 'req-42' } });
  expect(response.status).toBe(500);
  const body = await response.text();
  expect(JSON.parse(body)).toMatchObject({ status: 500, errorType: 'InternalError', requestId: 'req-42' });
  expect(body).not.toContain('relation');
  expect(gateway.logged.some((line) => line.includes('relation') && line.includes('req-42'))).toBe(true);
});
