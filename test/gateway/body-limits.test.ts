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

const CHUNK = new Uint8Array(64 * 1024).fill(0x20);

/** Of so many MiB and a little more. */
function tooLarge(mib: number): ReadableStream<Uint8Array> {
  let left = mib * MIB + 1;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(CHUNK);
      left -= CHUNK.length;
      if (left < 0) controller.close();
    },
  });
}

test.each(['with a Content-Length', 'chunked'])('every route refuses a body that is too large, %s', async (how) => {
  const refusals = [];
  for (const [method, path, mib] of routesWithBody()) {
    const response = await gateway.app.request(path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(how === 'chunked' ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(mib * MIB + 1) }),
      },
      body: tooLarge(mib),
      duplex: 'half',
    });
    refusals.push([method, path, response.status, reasonIn(await response.json())]);
  }
  expect(refusals.length).toBeGreaterThan(10);
  expect(refusals).toEqual(refusals.map(([method, path]) => [method, path, 413, 'InvalidRequest']));
});
