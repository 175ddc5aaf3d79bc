import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { gatewayForTest, type TestGateway } from './gateway-for-test.ts';

const nameOf = (key: string) => createHash('sha256').update(key).digest('hex').slice(0, 12);
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await gatewayForTest({ apiKeys: ['key-of-admin', 'key-of-app'] });
});
afterEach(() => gateway.served.close());

const put = (account: string, budgetUsd: unknown, key = 'key-of-admin') =>
  gateway.get(`/v1/budgets/${encodeURIComponent(account)}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', ...bearer(key) },
    body: JSON.stringify({ budgetUsd }),
  });
const start = (body: object, key: string) =>
  gateway.post('/v1/runs', { pattern: 'ask', input: { prompt: 'a' }, ...body }, bearer(key));

test('a budget is set, shown and lifted', async () => {
  expect(await (await put('tenant:acme', 5)).json()).toMatchObject({ account: 'tenant:acme', budgetUsd: 5 });
  const shown = await gateway.get('/v1/budgets/tenant:acme', { headers: bearer('key-of-app') });
  expect(await shown.json()).toMatchObject({ budgetUsd: 5 });
  const listed = await gateway.get('/v1/budgets', { headers: bearer('key-of-app') });
  expect(await listed.json()).toMatchObject({ budgets: [{ account: 'tenant:acme', budgetUsd: 5 }] });
  expect(await (await put('tenant:acme', null)).json()).toMatchObject({ budgetUsd: null });
});

test.each([
  ['tenant:acme', -1, 'budgetUsd'],
  ['tenant:acme', 'much', 'budgetUsd'],
  ['acme', 1, 'account'],
])('a budget of %s of %s USD is refused', async (account, usd, path) => {
  const response = await put(account, usd);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ path: expect.stringContaining(path) });
});

test('a key with a budget cannot raise it', async () => {
  await put(`key:${nameOf('key-of-app')}`, 1);
  const response = await put(`key:${nameOf('key-of-app')}`, 1_000, 'key-of-app');
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({ errorType: 'Forbidden' });
});

test('a run is paid by the key it was started with, which nobody else can name', async () => {
  const { id } = (await (await start({}, 'key-of-app')).json()) as { id: string };
  expect(gateway.runs.get(id)!.options.key).toBe(nameOf('key-of-app'));
  expect(JSON.stringify([...gateway.runs.values()])).not.toContain('key-of-app');
  const forged = await start({ key: nameOf('key-of-admin') }, 'key-of-app');
  expect(forged.status).toBe(400);
  expect(gateway.runs.size).toBe(1);
});

test('a fork is another run, or with dryRun its price', async () => {
  const { id } = (await (await start({}, 'key-of-app')).json()) as { id: string };
  const fork = (body: object, of = id) => gateway.post(`/v1/runs/${of}/fork`, body, bearer('key-of-app'));

  const priced = await fork({ fromStep: 'answer', dryRun: true });
  expect(priced.status).toBe(200);
  expect(await priced.json()).toEqual({ estimateUsd: 0.02, lowUsd: 0.01, highUsd: 0.04, steps: [] });
  expect(gateway.runs.size).toBe(1);

  const made = await fork({ fromStep: 'answer', overrides: { policy: 'sandbox/gpt' } });
  expect(made.status).toBe(202);
  expect(await made.json()).toMatchObject({
    id: `${id}-fork-1`,
    status: 'running',
    links: { self: expect.any(String) },
  });

  expect((await fork({ fromStep: 'unknown' })).status).toBe(400);
  expect((await fork({ fromStep: 'answer', overrides: { prompt: '' } })).status).toBe(400);
  expect((await fork({ fromStep: 'answer' }, 'nobody')).status).toBe(404);
});
