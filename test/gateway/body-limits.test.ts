import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { gatewayForTest, type TestGateway } from './gateway-for-test.ts';

const MIB = 1024 * 1024;
let gateway: TestGateway;
beforeEach(async () => {
  gateway = await gatewayForTest();
});
afterEach(() => gateway.served.close());

/** Every route that takes a body, as the OpenAPI document names them. */
function routesWithBody(): [string, string, number][] {
  const { paths } = gateway.app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } });
  return Object.entries(paths ?? {}).flatMap(([path, item]) =>
    (['post', 'put'] as const).flatMap((method): [string, string, number][] => {
      if (!item[method] || path === '/v1/datasets') return [];
      return [[method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'tenant:x'), path.includes('webhooks') ? 1 : 17]];
    }),
  );
}

/** In the words of each route's clients. */
function reasonIn(body: unknown): string | undefined {
  const { errorType, error } = body as { errorType?: string; error?: { code?: string; type: string } };
  return errorType ?? error?.code ?? error?.type.replace('request_too_large', 'InvalidRequest');
}

/** JSON of a text of so many MiB and a little more; made once, there are many routes. */
const TOO_LARGE = new Map([1, 17].map((mib) => [mib, Buffer.from(JSON.stringify({ text: 'x'.repeat(mib * MIB) }))]));

test.each(['with a Content-Length', 'chunked'])('every route refuses a body that is too large, %s', async (how) => {
  const refusals = [];
  for (const [method, path, mib] of routesWithBody()) {
    const body = TOO_LARGE.get(mib)!;
    const response = await gateway.app.request(path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(how === 'chunked' ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(body.length) }),
      },
      body,
    });
    refusals.push([method, path, response.status, reasonIn(await response.json())]);
  }
  expect(refusals.length).toBeGreaterThan(10);
  expect(refusals).toEqual(refusals.map(([method, path]) => [method, path, 413, 'InvalidRequest']));
});
