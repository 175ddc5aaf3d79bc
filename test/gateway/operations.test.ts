import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { validate } from '@readme/openapi-parser';
import { gatewayForTest, type TestGateway } from './gateway-for-test.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await gatewayForTest();
});
afterEach(() => gateway.served.close());

test('a client that cannot reach what it needs makes the gateway live but not ready, and says no address', async () => {
  expect((await gateway.get('/health/ready')).status).toBe(200);
  gateway.state.ready = false;
  expect((await gateway.get('/health/live')).status).toBe(200);
  const response = await gateway.get('/health/ready');
  expect(response.status).toBe(503);
  const body = await response.text();
  expect(JSON.parse(body)).toMatchObject({ status: 503, errorType: 'NotReachable' });
  expect(body).not.toContain('10.0.0.7');
});

test('the gateway says how many calls the worker beside it makes, and whether it is full', async () => {
  expect(await (await gateway.get('/health/ready')).json()).toEqual({ status: 'ok' });
  let used = 4;
  const busy = await gatewayForTest({ slots: () => ({ standard: { used, of: 5 }, fast: { used: 0, of: 5 } }) });
  try {
    const ready = async () => (await busy.get('/health/ready')).json();
    expect(await ready()).toMatchObject({ slots: { standard: { used: 4, of: 5 } }, full: false });
    used = 5;
    expect(await ready()).toMatchObject({ status: 'ok', full: true });
    const metrics = await (await busy.get('/metrics')).text();
    expect(metrics).toContain('cadenza_slots_used{lane="standard"} 5');
    expect(metrics).toContain('cadenza_slots{lane="fast"} 5');
  } finally {
    await busy.served.close();
  }
});

test('openapi.json is a valid OpenAPI 3.1 document of every route, with the patterns as schemas', async () => {
  const document = (await (await gateway.get('/openapi.json')).json()) as {
    openapi: string;
    info: { version: string };
    paths: Record<string, Record<string, unknown>>;
    components: { schemas: Record<string, unknown> };
  };
  expect(document.openapi).toBe('3.1.0');
  expect(document.info.version).toBe('1.2.3');
  const routes = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method} ${path}`),
  );
  expect(routes).toEqual(
    expect.arrayContaining([
      'post /v1/datasets',
      'get /v1/runs/{id}/items',
      'get /v1/runs/{id}/output',
      'post /v1/runs',
      'post /v1/runs/{id}/messages',
      'post /v1/runs/{id}/end',
      'post /v1/runs/{id}/stop',
      'post /v1/runs/{id}/tool-results/{toolCallId}',
      'get /v1/runs',
      'get /v1/runs/{id}',
      'get /v1/runs/{id}/result',
      'get /v1/runs/{id}/events',
      'get /v1/runs/{id}/bill',
      'get /v1/runs/{id}/timeline',
      'post /v1/runs/{id}/cancel',
      'post /v1/runs/{id}/fork',
      'get /v1/approvals',
      'get /v1/runs/{id}/approvals',
      'post /v1/runs/{id}/approvals/{approvalId}',
      'post /v1/webhooks/approvals/{id}/{approvalId}',
      'get /v1/budgets/{account}',
      'put /v1/budgets/{account}',
      'get /v1/schedules',
      'post /v1/schedules',
      'delete /v1/schedules/{name}',
      'post /v1/schedules/{name}/pause',
      'post /v1/schedules/{name}/resume',
      'post /v1/schedules/{name}/trigger',
      'post /v1/keys',
      'get /v1/keys',
      'delete /v1/keys/{name}',
      'post /v1/keys/{name}/rotate',
      'post /v1/chat/completions',
      'post /v1/responses',
      'get /v1/responses/{id}',
      'post /v1/responses/{id}/cancel',
      'post /v1/messages',
      'post /v1/embeddings',
      'get /v1/models',
      'get /v1/models/{id}',
      'get /health/live',
      'get /health/ready',
    ]),
  );
  expect(document.components.schemas).toMatchObject({
    AskInput: { type: 'object', properties: { prompt: { type: 'string' } } },
    CompareInput: { required: expect.arrayContaining(['models']) },
    Problem: { required: expect.arrayContaining(['type', 'title', 'status', 'detail', 'errorType']) },
  });
  const refs = JSON.stringify(document).matchAll(/"\$ref":"#([^"]*)"/g);
  for (const [, ref] of refs) expect(at(document, ref!)).toBeDefined();
  const checked = await validate(structuredClone(document) as never);
  expect(checked).toMatchObject({ valid: true });
});

test('a document with a broken schema is found invalid by the same check', async () => {
  const document = (await (await gateway.get('/openapi.json')).json()) as { paths: Record<string, unknown> };
  document.paths['/v1/runs'] = { get: { responses: 'none' } };
  expect(await validate(document as never)).toMatchObject({ valid: false });
});

test('the page of the API is Swagger UI, all of it from here, under a policy that lets nothing else in', async () => {
  const response = await gateway.get('/docs');
  expect(response.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self'/,
  );
  const page = await response.text();
  expect(page).toContain('lang="en"');
  const named = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, address]) => address!);
  expect(named).toHaveLength(3);
  for (const address of named) expect((await gateway.get(address)).status).toBe(200);
  expect(page).not.toMatch(/https?:|<style|<script>|\son\w+=|style=/);
});

test('the page is at every path of its own, runs only our scripts, and is small', async () => {
  const [front, deep] = await Promise.all(['/', '/runs/a%2Fb'].map((path) => gateway.get(path)));
  const html = await front!.text();
  expect(await deep!.text()).toBe(html);
  expect(front!.headers.get('content-security-policy')).toMatch(
    /default-src 'none'; script-src 'self'; style-src 'self';/,
  );
  expect(html).not.toMatch(/<style|<script>|\son\w+=|style=/);
  const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)]
    .map(([, address]) => address!)
    .filter((one) => one !== '/docs');
  expect(named.every((address) => address.startsWith('/assets/'))).toBe(true);
  let bytes = 0;
  for (const address of named) {
    const asset = await gateway.get(address, { headers: { 'accept-encoding': 'gzip' } });
    expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    bytes += Number(asset.headers.get('content-length'));
  }
  expect(bytes).toBeGreaterThan(5_000);
  expect(bytes).toBeLessThan(150_000);
});

test('a page that is known is not sent again, and one that is not there is a problem', async () => {
  const etag = (await gateway.get('/')).headers.get('etag')!;
  expect((await gateway.get('/', { headers: { 'if-none-match': etag } })).status).toBe(304);
  expect((await gateway.get('/assets/main-00000000.js')).status).toBe(404);
  expect((await gateway.get('/assets/..%2findex.html')).status).toBe(404);
});

/** What a JSON pointer points at. */
function at(document: unknown, pointer: string): unknown {
  const keys = pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
}
