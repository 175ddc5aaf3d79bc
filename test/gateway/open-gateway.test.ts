import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isOpen } from '../../src/gateway/index.ts';
import { gatewayForTest, type TestGateway } from './gateway-for-test.ts';

const SITE = 'https://app.example.com';
let gateway: TestGateway;
beforeEach(async () => {
  gateway = await gatewayForTest({ cors: [SITE] });
});
afterEach(() => gateway.served.close());

const from = (headers: Record<string, string>, path = '/v1/runs', host = 'http://localhost') =>
  gateway.app.request(`${host}${path}`, { headers });

test.each([
  ['its own page', { 'sec-fetch-site': 'same-origin', origin: 'http://localhost:4100' }, 200],
  ['a program', {}, 200],
  ['an OpenAI client, which sends some key always', { authorization: 'Bearer sk-anything' }, 200],
  ['a page at this machine', { 'sec-fetch-site': 'same-site', origin: 'http://localhost:5173' }, 200],
  ['another web site', { 'sec-fetch-site': 'cross-site' }, 403],
  ['the page of another web site', { origin: 'https://evil.example' }, 403],
  ['a page in a sandbox', { origin: 'null' }, 403],
  ['a web site the config names', { 'sec-fetch-site': 'cross-site', origin: SITE }, 200],
  ['a key that was never made', { authorization: `Bearer cdz_${'a'.repeat(43)}` }, 401],
])('an open gateway answers %s as it should', async (_, headers, status) => {
  expect((await from(headers as Record<string, string>)).status).toBe(status);
});

test.each(['http://127.0.0.1:4100', 'http://[::1]', 'http://cadenza.localhost'])('%s is this machine', async (host) => {
  expect((await from({}, '/v1/runs', host)).status).toBe(200);
});

test.each(['http://evil.example', 'http://localhost.evil.example', 'http://10.0.0.7', 'http://127.evil.example'])(
  'a request for %s, a name made to lead here, is refused; the page and health are not',
  async (host) => {
    const response = await from({}, '/v1/runs', host);
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ errorType: 'Forbidden', hint: expect.stringContaining('API key') });
    expect((await from({}, '/metrics', host)).status).toBe(403);
    expect((await from({}, '/health/live', host)).status).toBe(200);
  },
);

test('only pages of the web sites in the config are told that they may read', async () => {
  const preflight = (origin: string) =>
    gateway.app.request('http://localhost/v1/runs', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
  const allowed = await preflight(SITE);
  expect(allowed.headers.get('access-control-allow-origin')).toBe(SITE);
  expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
});

test.each([
  ['on this machine without keys', '127.0.0.1', [], false, true],
  ['on this machine by name', 'localhost', [], false, true],
  ['on this machine with keys of the environment', '127.0.0.1', ['key'], false, false],
  ['everywhere with keys of the environment', '0.0.0.0', ['key'], false, false],
  ['everywhere with a key that was made', '0.0.0.0', [], true, false],
])('a gateway %s is open or not', async (_, host, apiKeys, any, open) => {
  const client = { ...gateway.client, keys: { ...gateway.client.keys, any: async () => any } };
  expect(await isOpen({ apiKeys, host, client })).toBe(open);
});

test.each(['0.0.0.0', '::', '192.168.1.7', 'cadenza.internal'])(
  'without any key nothing listens at %s',
  async (host) => {
    await expect(isOpen({ apiKeys: [], host, client: gateway.client })).rejects.toThrow(
      /without any API key.*keys create/,
    );
  },
);
