import type { lookup } from 'node:dns';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Reach } from '../../src/contract/index.ts';
import { type GuardOptions, guardedFetch, narrowed, type ToolFailure } from '../../src/tools/index.ts';
import { until } from '../setup/until.ts';
import { type Asked, webPeer } from './web-peer.ts';

let peer: Awaited<ReturnType<typeof webPeer>>;

beforeAll(async () => {
  peer = await webPeer(({ path, body }: Asked, response) => {
    const { pathname, searchParams } = new URL(path, 'http://peer');
    const to = searchParams.get('to');
    if (to !== null) {
      response.writeHead(Number(searchParams.get('status') ?? 302), { location: to }).end('moved');
    } else if (pathname === '/endless') {
      const more = () => response.write('x'.repeat(60_000), () => !response.destroyed && setImmediate(more));
      more();
    } else if (pathname === '/silent') {
      response.write('one word');
    } else if (pathname === '/bomb') {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(5_000_000)));
    } else if (pathname === '/cut') {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    } else {
      response.writeHead(200, { 'content-type': 'text/plain' }).end(body || 'the answer');
    }
  });
});
beforeEach(() => {
  peer.asked.length = 0;
});
afterAll(() => peer.close());

const LIMITS = { maxBytes: 100_000, timeoutMs: 20_000 };
const anything: Reach = { hosts: ['*'], methods: ['GET', 'HEAD', 'POST'] };
const guarded = (options: Partial<GuardOptions> = {}, reach: Reach | undefined = anything) =>
  guardedFetch(reach, { privateHosts: [], ...LIMITS, ...options });
const local = (options: Partial<GuardOptions> = {}, reach = anything) =>
  guarded({ privateHosts: ['127.0.0.1'], ...options }, reach);

async function errorOf(asking: Promise<unknown>) {
  const thrown = await asking.then(
    () => {
      throw new Error('It was allowed');
    },
    (error: ToolFailure) => error,
  );
  return thrown.error ?? thrown;
}

/** Names that resolve as a hostile name server says: its nth answer to its nth question, the last one again and again. */
function names(...answers: string[][]): { resolve: typeof lookup; asked: () => number } {
  let nth = 0;
  const resolve = (_: string, __: object, answer: (error: null, addresses: object[]) => void) => {
    const addresses = answers[Math.min(nth++, answers.length - 1)]!;
    answer(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return { resolve: resolve as unknown as typeof lookup, asked: () => nth };
}

describe('what is not on the public internet is not asked', () => {
  test.each([
    'http://127.0.0.1',
    'http://127.1',
    'http://localhost',
    'http://[::1]',
    'http://[::]',
    'http://0.0.0.0',
    'http://[::ffff:127.0.0.1]',
    'http://[::ffff:7f00:1]',
    'http://[::127.0.0.1]',
    'http://[64:ff9b::7f00:1]',
    'http://[2002:7f00:1::]',
    'http://2130706433',
    'http://0x7f000001',
    'http://0x7f.0.0.1',
    'http://0177.0.0.1',
    'http://017700000001',
    'http://127.0.0.1.',
    'http://１２７.０.０.１',
    'http://10.1.2.3',
    'http://192.168.0.1',
    'http://172.16.0.1',
    'http://100.64.0.1',
    'http://169.254.169.254',
    'http://[fd00:ec2::254]',
    'http://100.100.100.200',
    'http://168.63.129.16',
    'http://[fe80::1]',
  ])('%s', async (origin) => {
    const url = new URL(origin);
    url.port = String(peer.port);
    expect(await errorOf(guarded()(url))).toMatchObject({
      type: 'ToolDenied',
      message: expect.stringContaining('private network'),
      hint: expect.stringContaining('toolSettings.privateHosts'),
    });
    expect(peer.asked).toEqual([]);
  });

  test.each(['file:///etc/passwd', 'ftp://1.1.1.1/', 'data:text/plain,hello', 'gopher://1.1.1.1/', 'blob:nothing'])(
    '%s',
    async (url) => expect(await errorOf(guarded()(url))).toMatchObject({ type: 'ToolDenied' }),
  );

  test('a name that points inside, alone or beside a public address', async () => {
    for (const inside of [['127.0.0.1'], ['1.1.1.1', '127.0.0.1'], ['::ffff:10.0.0.1'], ['169.254.169.254']]) {
      const { resolve } = names(inside);
      const url = `http://rebound.example:${peer.port}/`;
      expect(await errorOf(guarded({ resolve })(url))).toMatchObject({
        type: 'ToolDenied',
        message: `rebound.example:${peer.port} is on a private network`,
      });
    }
    expect(peer.asked).toEqual([]);
  });

  test('a name that points inside only when it is looked up again', async () => {
    const { resolve, asked } = names(['203.0.114.1'], ['127.0.0.1']);
    const ask = guarded({ resolve, timeoutMs: 1_000 });
    const url = `http://rebound.example:${peer.port}/`;
    // What was looked up and checked is what is connected to: there is no second look-up in between.
    expect(await errorOf(ask(url))).toMatchObject({ type: expect.stringMatching('Timeout|ConnectionLost') });
    expect(asked()).toBe(1);
    expect(await errorOf(ask(url))).toMatchObject({ type: 'ToolDenied' });
    expect(asked()).toBe(2);
    expect(peer.asked).toEqual([]);
  });

  test('a redirect that leads inside', async () => {
    const inside = [`http://[::ffff:127.0.0.1]:${peer.port}/`, `http://0x7f000001.:${peer.port}/inside`];
    for (const to of [...inside, `//localhost:${peer.port}/`, 'file:///etc/passwd', 'http://me:secret@1.1.1.1/']) {
      const ask = guarded({ privateHosts: [`outside.example:${peer.port}`], resolve: names(['127.0.0.1']).resolve });
      const url = `http://outside.example:${peer.port}/?to=${encodeURIComponent(to)}`;
      expect(await errorOf(ask(url))).toMatchObject({ type: 'ToolDenied' });
    }
    expect(peer.asked.map(({ path }) => path).filter((path) => !path.includes('?to='))).toEqual([]);
  });

  test('unless the config names its host, by the name it is asked for', async () => {
    expect(await (await local()(`${peer.url}/`)).text()).toBe('the answer');
    expect(await errorOf(local()(`http://localhost:${peer.port}/`))).toMatchObject({ type: 'ToolDenied' });
    const elsewhere = guarded({ privateHosts: ['127.0.0.1:1'] });
    expect(await errorOf(elsewhere(`${peer.url}/`))).toMatchObject({ type: 'ToolDenied' });
    const named = guarded({ privateHosts: ['*.internal'], resolve: names(['127.0.0.1']).resolve });
    expect((await named(`http://search.internal:${peer.port}/`)).status).toBe(200);
  });
});

describe('a tool asks within its reach', () => {
  test('hosts and methods are allowed one by one', async () => {
    const reach: Reach = { hosts: ['api.example', '*.wide.example'] };
    const ask = guarded(
      { resolve: names(['127.0.0.1']).resolve, privateHosts: ['api.example', '*.wide.example'] },
      reach,
    );
    const at = (host: string) => `http://${host}:${peer.port}/`;
    for (const host of ['api.example', 'API.example', 'a.wide.example', 'a.b.wide.example']) {
      expect((await ask(at(host))).status).toBe(200);
    }
    for (const host of ['evil.example', 'wide.example', 'api.example.evil.example', 'notapi.example', '127.0.0.1']) {
      expect(await errorOf(ask(at(host)))).toMatchObject({
        type: 'ToolDenied',
        message: expect.stringContaining('api.example, *.wide.example'),
      });
    }
    expect(await errorOf(ask(at('api.example'), { method: 'POST', body: 'x' }))).toMatchObject({
      type: 'ToolDenied',
      message: expect.stringContaining('POST'),
      hint: expect.stringContaining('reach.methods'),
    });
    expect(
      await errorOf(guardedFetch(undefined, { privateHosts: [], ...LIMITS })('https://api.example/')),
    ).toMatchObject({
      type: 'ToolDenied',
    });
  });

  test('redirects are requests like the first: host and method must be allowed', async () => {
    const reach: Reach = { hosts: ['a.example'], methods: ['POST'] };
    const ask = guarded({ resolve: names(['127.0.0.1']).resolve, privateHosts: ['*.example'] }, reach);
    const to = (place: string, status: number) =>
      ask(`http://a.example:${peer.port}/?status=${status}&to=${encodeURIComponent(place)}`, {
        method: 'POST',
        body: 'x',
      });
    expect(await (await to('/next', 307)).text()).toBe('x');
    expect(await errorOf(to('/next', 303))).toMatchObject({ message: expect.stringContaining('may not GET') });
    expect(await errorOf(to(`http://b.example:${peer.port}/`, 307))).toMatchObject({ type: 'ToolDenied' });
  });

  test.each([
    [{ hosts: ['*'] }, { hosts: ['a.example'] }, { hosts: ['a.example'], methods: ['GET', 'HEAD'] }],
    [{ hosts: ['*.example'] }, { hosts: ['*'] }, { hosts: ['*.example'], methods: ['GET', 'HEAD'] }],
    [
      { hosts: ['*.b.example:80'] },
      { hosts: ['a.b.example'] },
      { hosts: ['a.b.example:80'], methods: ['GET', 'HEAD'] },
    ],
    [
      { hosts: ['*'], methods: ['GET', 'POST'] },
      { hosts: ['*'], methods: ['POST'] },
      { hosts: ['*'], methods: ['POST'] },
    ],
    [{ hosts: ['a.example:80'] }, { hosts: ['a.example:81'] }, undefined],
    [{ hosts: ['a.example'] }, { hosts: ['b.example'] }, undefined],
    [{ hosts: ['a.example'] }, { hosts: ['a.example'], methods: ['POST'] }, undefined],
    [undefined, { hosts: ['*'] }, undefined],
    [{ hosts: ['a.example'] }, undefined, { hosts: ['a.example'] }],
  ] as [Reach | undefined, Reach | undefined, Reach | undefined][])('%j narrowed by %j is %j', (own, use, both) =>
    expect(narrowed(own, use)).toEqual(both),
  );
});

describe('requests', () => {
  test('a redirect to another origin carries no keys', async () => {
    const other = await webPeer((_, response) => response.end('other'));
    const headers = { authorization: 'Bearer k', 'x-api-key': 'k', cookie: 'k=k', accept: 'text/plain' };
    try {
      const response = await local()(`${peer.url}/?to=${encodeURIComponent(`${other.url}/`)}`, { headers });
      expect(await response.text()).toBe('other');
      expect(response.url).toBe(`${other.url}/`);
      expect(peer.asked[0]!.headers).toMatchObject(headers);
      expect(other.asked[0]!.headers.accept).toBe('text/plain');
      expect(JSON.stringify(other.asked[0]!.headers)).not.toMatch(/Bearer|"k"|k=k/);
    } finally {
      await other.close();
    }
  });

  test('keys stay on a redirect within the origin, and POST becomes GET as in browsers', async () => {
    const init = { method: 'POST', body: 'x', headers: { authorization: 'Bearer k' } };
    await local()(`${peer.url}/?to=/next`, init);
    expect(peer.asked[1]).toMatchObject({
      method: 'GET',
      path: '/next',
      body: '',
      headers: { authorization: 'Bearer k' },
    });
  });

  test('five redirects are followed, not six', async () => {
    const chain = (length: number): string => (length === 0 ? '/' : `/?to=${encodeURIComponent(chain(length - 1))}`);
    expect((await local()(`${peer.url}${chain(5)}`)).status).toBe(200);
    expect(await errorOf(local()(`${peer.url}${chain(6)}`))).toMatchObject({
      type: 'ToolFailed',
      message: expect.stringContaining('more than 5'),
    });
    const asIs = await local()(`${peer.url}${chain(1)}`, { redirect: 'manual' });
    expect([asIs.status, asIs.headers.get('location')]).toEqual([302, '/']);
  });

  test('no other server is named to the one that is asked, and no password lies in an address', async () => {
    await local()(`${peer.url}/`, { headers: { host: 'admin.internal' } });
    expect(peer.asked[0]!.headers.host).toBe(`127.0.0.1:${peer.port}`);
    expect(await errorOf(local()(`http://me:secret@127.0.0.1:${peer.port}/`))).toMatchObject({ type: 'ToolDenied' });
    expect(await errorOf(local()('no address'))).toMatchObject({ type: 'InvalidRequest' });
  });
});

describe('answers', () => {
  test('one that is too long is broken off, told beforehand or not, and packed ones as they unpack', async () => {
    for (const path of ['/endless', '/bomb']) {
      const response = await local()(`${peer.url}${path}`);
      expect(await errorOf(response.text())).toMatchObject({
        type: 'ToolFailed',
        hint: expect.stringContaining('maxBytes'),
      });
    }
    const ask = local({ maxBytes: 5 });
    expect(await errorOf(ask(`${peer.url}/cut`))).toMatchObject({
      message: expect.stringContaining('longer than 5 bytes'),
    });
    await until(() => peer.closed() > 0 || undefined);
  });

  test('one that is too slow is broken off, also in its middle', async () => {
    const closed = peer.closed();
    const response = await local({ timeoutMs: 300 })(`${peer.url}/silent`);
    expect(await errorOf(response.text())).toMatchObject({ type: 'Timeout', limitMs: 300 });
    await until(() => peer.closed() > closed || undefined);
  });

  test('a cancelled tool hangs up', async () => {
    const closed = peer.closed();
    const cancelled = new AbortController();
    const response = await local({ signal: cancelled.signal })(`${peer.url}/silent`);
    const reading = errorOf(response.text());
    cancelled.abort(new Error('cancelled'));
    expect(await reading).toMatchObject({ message: 'cancelled' });
    await until(() => peer.closed() > closed || undefined);
  });

  test('a lost connection may be tried again', async () => {
    const response = await local()(`${peer.url}/cut`);
    await expect(response.text()).rejects.toMatchObject({ retryable: true, error: { type: 'ConnectionLost' } });
    await expect(local()('http://127.0.0.1:1/')).rejects.toMatchObject({ error: { type: 'ConnectionLost' } });
  });
});
