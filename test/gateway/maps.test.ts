import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { failWith, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { gatewayForTest, type TestGateway } from './gateway-for-test.ts';

let bed: TestBed;
let gateway: TestGateway;
beforeAll(async () => {
  bed = await testBed();
  gateway = await gatewayForTest({ client: bed.client });
});
afterAll(async () => {
  await gateway.served.close();
  await bed.close();
});

const upload = (body: string, type: string) => gateway.post('/v1/datasets', body, { 'content-type': type });

test('rows are uploaded, run, listed and read again over HTTP', async () => {
  bed.provider.first((request) => promptOf(request).includes('Bob'), failWith(400, 'no Bobs'));
  const uploaded = await upload('name\nAda\nBob\nEve\n', 'text/csv');
  expect(uploaded.status).toBe(201);
  const set = (await uploaded.json()) as { id: string };
  expect(set).toEqual({ id: expect.stringMatching(/^data-/), count: 3, fields: ['name'] });

  const started = await gateway.post('/v1/runs', {
    pattern: 'map',
    input: {
      ...{ pattern: 'ask', source: set.id, input: { prompt: 'Greet {{item.name}}' } },
      policy: { candidates: ['openai/gpt-6-sol'] },
    },
  });
  expect(started.status).toBe(202);
  const { id } = (await started.json()) as { id: string };
  const result = await gateway.get(`/v1/runs/${id}/result?waitSeconds=20`);
  expect(await result.json()).toMatchObject({ done: 2, failed: 1, output: expect.any(String) });

  const failed = await gateway.get(`/v1/runs/${id}/items?status=failed`);
  expect(await failed.json()).toMatchObject({ items: [{ row: 2, input: { name: 'Bob' }, status: 'failed' }] });
  const page = await gateway.get(`/v1/runs/${id}/items?after=1&limit=1`);
  expect(await page.json()).toMatchObject({ items: [{ row: 2 }], nextAfter: 2 });

  const output = await gateway.get(`/v1/runs/${id}/output`);
  expect(output.headers.get('content-type')).toBe('application/jsonl');
  const lines = (await output.text()).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { row: 1, input: { name: 'Ada' }, status: 'done', answer: { text: 'answer to: Greet Ada' } },
    { row: 2, status: 'failed', error: { type: 'InvalidRequest' } },
    { row: 3, status: 'done' },
  ]);
});

test('a bad line is a problem that names it', async () => {
  const response = await upload('{"a":1}\nnot this\n', 'application/jsonl');
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ errorType: 'InvalidRequest', detail: 'Line 2 is not JSON: not this' });
});

test.each(['items', 'output'])('the %s of what is no map are 404', async (route) => {
  expect((await gateway.get(`/v1/runs/nobody/${route}`)).status).toBe(404);
  const run = await bed.client.start('ask', { prompt: 'no map', policy: { candidates: ['openai/gpt-6-sol'] } });
  await run.result();
  const response = await gateway.get(`/v1/runs/${run.id}/${route}`);
  expect(response.status).toBe(404);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
});

test('a status that is none is refused', async () => {
  expect((await gateway.get('/v1/runs/any/items?status=lost')).status).toBe(400);
});
