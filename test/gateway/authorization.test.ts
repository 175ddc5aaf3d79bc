import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { gatewayForTest, type TestGateway } from './gateway-for-test.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await gatewayForTest({ apiKeys: ['key-one', 'key-two'] });
});
afterEach(() => gateway.served.close());

const authorized = (authorization?: string) =>
  gateway.get('/v1/runs', authorization === undefined ? {} : { headers: { authorization } });

test.each(['Bearer key-one', 'Bearer key-two', 'bearer key-two'])('%s may read runs', async (authorization) => {
  expect((await authorized(authorization)).status).toBe(200);
});

test.each([undefined, '', 'Bearer ', 'Bearer key', 'Bearer key-one-and-more', 'Basic key-one', 'key-one'])(
  'Authorization "%s" is refused as a problem, without the key in the log',
  async (authorization) => {
    const response = await authorized(authorization);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ status: 401, errorType: 'Unauthorized' });
    expect(gateway.logged.join('')).not.toContain('key-one');
  },
);

test('a start without a key starts nothing', async () => {
  const response = await gateway.post('/v1/runs', { pattern: 'ask', input: { prompt: 'a' } });
  expect(response.status).toBe(401);
  expect(gateway.runs.size).toBe(0);
});

test.each(['/health/live', '/health/ready', '/openapi.json', '/docs', '/'])('%s needs no key', async (path) => {
  expect((await gateway.get(path)).status).toBe(200);
});
