import { serve } from '@hono/node-server';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { toolContext } from '../setup/tool-context.ts';
import { until } from '../setup/until.ts';
import {
  childrenOf,
  everythingServer,
  freePort,
  peerServer,
  type ServerUnderTest,
  type ToolBed,
  toolBed,
  toolFailure,
  type Way,
} from './mcp-bed.ts';

const closing: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const open of closing.splice(0).reverse()) await open.close();
});

afterAll(() => {
  expect(childrenOf(process.pid)).toEqual([]);
});

function open<Opened extends { close(): Promise<void> }>(opened: Opened): Opened {
  closing.push(opened);
  return opened;
}

async function peer(
  way: Way,
  rules: Record<string, unknown> = {},
): Promise<{ server: ServerUnderTest; tools: ToolBed }> {
  const server = open(await peerServer(way));
  return { server, tools: open(toolBed({ ...server.config, ...rules })) };
}

describe.each(['stdio', 'http'] as const)('the reference server over %s', (way) => {
  test('its tools are listed and called; resources and prompts are read', async () => {
    const server = open(await everythingServer(way));
    const tools = open(toolBed(server.config));
    expect(await tools.names()).toEqual(expect.arrayContaining(['echo', 'get-sum', 'read_resource', 'get_prompt']));
    expect(await tools.tool('get-sum')).toMatchObject({ replay: 'safe', approval: 'never', telling: 'a' });
    expect(await tools.call('get-sum', { a: 2, b: 3 })).toBe('The sum of 2 and 3 is 5.');
    expect(await tools.call('get-structured-content', { location: 'Chicago' })).toMatchObject({ humidity: 82 });
    expect(await (await tools.tool('get-sum')).check({ a: 'two', b: 3 })).toEqual({ problem: 'a must be number' });

    const context = toolContext();
    expect(await tools.call('get-tiny-image', {}, { context })).toContain(
      "[image/png, 4033 bytes, kept as the run's file",
    );
    expect([...context.kept.values()].map(({ length }) => length)).toEqual([4033]);
    expect(await tools.call('get-resource-links', { count: 1 })).toContain('[resource demo://resource/dynamic/');

    const listed = (await tools.call('read_resource', {})) as { resources: { uri: string }[] };
    const { uri } = listed.resources.find((resource) => resource.uri.endsWith('/features.md'))!;
    expect(await tools.call('read_resource', { uri })).toContain('Everything Server');
    expect(await tools.call('get_prompt', { name: 'args-prompt', arguments: { city: 'Ulm' } })).toEqual([
      { role: 'user', text: "What's weather in Ulm?" },
    ]);
    expect((await toolFailure(tools.call('read_resource', { uri: 'demo://nowhere' }))).error.type).toBe(
      'InvalidRequest',
    );
  });

  test('a question in the middle of a call is a person’s, and the call goes on with the answer', async () => {
    const tools = open(toolBed(open(await everythingServer(way)).config));
    const asked: unknown[] = [];
    const answer = { accepted: true, content: { name: 'Ada', check: true } };
    const onUnfinished = (outcome: unknown) => {
      asked.push(outcome);
      return undefined;
    };
    expect(await tools.call('trigger-elicitation-request', {}, { answer, onUnfinished })).toContain('- Name: Ada');
    expect(asked).toMatchObject([
      { ask: { message: expect.stringContaining('srv asks: '), schema: { type: 'object' } } },
    ]);
    const refused = { answer: { accepted: false } };
    expect(await tools.call('trigger-elicitation-request', {}, refused)).toContain('declined');
  });

  // It takes its four seconds, and is the same whichever way it is reached.
  if (way === 'stdio')
    test('a tool that answers with a task is waited for, and may ask meanwhile', async () => {
      const tools = open(toolBed(open(await everythingServer(way)).config));
      const outcomes: string[] = [];
      const result = await tools.call(
        'simulate-research-query',
        { topic: 'python', ambiguous: true },
        {
          answer: { accepted: true, content: { interpretation: 'snakes' } },
          onUnfinished: (outcome) => {
            outcomes.push(Object.keys(outcome)[0]!);
            return undefined;
          },
        },
      );
      expect(result).toContain('python (snakes)');
      expect(new Set(outcomes)).toEqual(new Set(['wait', 'ask']));
    });

  test('killed in the middle of a call that only reads: it is asked again, and ends right', async () => {
    const server = open(await everythingServer(way));
    const tools = open(toolBed(server.config));
    await tools.call('echo', { message: 'warm' });
    const call = tools.call('trigger-long-running-operation', { duration: 1, steps: 2 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await server.kill();
    if (way === 'stdio') {
      expect(await call).toContain('Long running operation completed');
    } else {
      // A worker does not start it: until somebody has, its call may be tried again.
      expect(await toolFailure(call)).toMatchObject({ retryable: true, error: { type: 'Unavailable' } });
      await server.start();
    }
    expect(await tools.call('echo', { message: 'again' })).toBe('Echo: again');
  });
});

describe.each(['stdio', 'http', 'http-old'] as const)('a server over %s', (way) => {
  test('killed in the middle of a call that writes: nobody knows what it did, and it is not asked again', async () => {
    const { server, tools } = await peer(way);
    const call = tools.call('slow', { ms: 60_000 });
    await until(() => server.calls().find((line) => line.startsWith('slow ')));
    await server.kill();
    const { error, retryable, interrupted } = await toolFailure(call);
    expect(interrupted).toBe(true);
    expect(error.message).toContain('interrupted: the MCP server srv was lost while slow ran');
    expect(retryable).toBe(false);
    await server.start();
    expect(await tools.call('note', { text: 'x' })).toBe('noted x');
    expect(server.calls().filter((line) => line.startsWith('slow '))).toHaveLength(1);
  });

  test('killed between calls: the next one is made on a new connection, once', async () => {
    const { server, tools } = await peer(way);
    await tools.call('note', { text: 'before' });
    await server.kill();
    await server.start();
    expect(await tools.call('note', { text: 'after' })).toBe('noted after');
    expect(server.calls().filter((line) => line.startsWith('note '))).toEqual([
      'note {"text":"before"}',
      'note {"text":"after"}',
    ]);
  });

  test('a task outlives worker and server: its result is had by whoever comes back with its id, asked for once', async () => {
    const { server, tools } = await peer(way);
    let another: ToolBed | undefined;
    const result = await tools.call(
      'long',
      { ms: 1_500, text: 'report' },
      {
        onUnfinished: async () => {
          if (another) return undefined;
          await tools.close();
          await server.kill();
          await server.start();
          another = open(toolBed(server.config));
          return another.tool('long');
        },
      },
    );
    expect(result).toMatch(/^done \w+: report$/);
    expect(server.calls().filter((line) => line.startsWith('long '))).toHaveLength(1);
  });

  test('a server that is away while its task is waited for is asked again later', async () => {
    const { server, tools } = await peer(way);
    const long = await tools.tool('long');
    const context = toolContext({ idempotencyKey: 'away' });
    const states: unknown[] = [];
    const result = await tools.call(
      'long',
      { ms: 500, text: 'x' },
      {
        context,
        onUnfinished: async (outcome) => {
          states.push(outcome);
          if (way === 'stdio' || states.length !== 1) return undefined;
          await server.kill();
          const away = await long.resume!('wait' in outcome && outcome.wait.state, context);
          expect(JSON.stringify(Object.getOwnPropertySymbols(away).map((key) => (away as never)[key]))).toContain(
            'awaySince',
          );
          await server.start();
          return undefined;
        },
      },
    );
    expect(result).toContain('done');
  });

  test('a task that asks is answered, and goes on', async () => {
    const { server, tools } = await peer(way);
    const answer = { accepted: true, content: { sure: true } };
    expect(await tools.call('long', { ms: 10, text: 'x', ask: true }, { answer })).toContain('"sure":true');
    expect(server.calls().filter((line) => line.startsWith('long '))).toHaveLength(1);
  });

  test('a tool that asks before it writes: yes and no both reach it', async () => {
    const { server, tools } = await peer(way);
    const yes = { accepted: true, content: { sure: true } };
    expect(await tools.call('confirm', { text: 'x' }, { answer: yes })).toContain('"action":"accept"');
    expect(await tools.call('confirm', { text: 'x' }, { answer: { accepted: false } })).toContain('"action":"decline"');
    expect(server.calls().filter((line) => line.startsWith('confirmed '))).toHaveLength(2);
  });

  test('nobody waits any more: the task is cancelled at its server', async () => {
    const { tools } = await peer(way);
    const long = await tools.tool('long');
    const context = toolContext({ idempotencyKey: 'abandoned' });
    const outcome = (await long.run!({ ms: 60_000 }, context)) as Record<symbol, { wait: { state: unknown } }>;
    const { state } = outcome[Object.getOwnPropertySymbols(outcome)[0]!]!.wait;
    await long.abandon!(state, context);
    expect((await toolFailure(long.resume!(state, context) as Promise<unknown>)).error.message).toContain('cancelled');
  });

  test('a result that is an error is told as one; a cancelled call ends at once', async () => {
    const { tools } = await peer(way);
    expect((await toolFailure(tools.call('refuse', {}))).error).toMatchObject({ type: 'ToolFailed', message: 'no' });
    const stop = new AbortController();
    const call = tools.call('slow', { ms: 60_000 }, { context: { signal: stop.signal } });
    stop.abort(new Error('stopped'));
    await expect(call).rejects.toThrow('stopped');
  });

  test('the config overrules what the server says of its tools', async () => {
    const rules = { approval: { 'sl*': 'always' }, replay: { slow: 'safe' }, exclude: ['refuse'] };
    const { tools } = await peer(way, rules);
    expect(await tools.names()).toEqual(['note', 'slow', 'slow_read', 'confirm', 'long']);
    expect(await tools.tool('slow')).toMatchObject({ approval: 'always', replay: 'safe' });
    expect(await tools.tool('note')).toMatchObject({ approval: 'never', replay: 'unsafe' });
  });
});

describe('a server that is not there', () => {
  test.each([
    [
      'a program',
      { command: 'no-such-program' },
      'config.mcp.srv.command: The MCP server srv (no-such-program) is not there',
    ],
    ['a program that ends', { command: process.execPath, args: ['no-such-file.js'] }, 'It said last: '],
    [
      'an address',
      { url: 'http://127.0.0.1:9/mcp' },
      'config.mcp.srv.url: The MCP server srv (http://127.0.0.1:9/mcp) is not there',
    ],
    [
      'a variable',
      { url: 'http://127.0.0.1:9/mcp', headersEnv: { authorization: 'NO_SUCH' } },
      'config.mcp.srv.headersEnv: This worker has no variable NO_SUCH',
    ],
  ])('%s: one error names server and config', async (_, config, message) => {
    const { error } = await toolFailure(open(toolBed(config)).names());
    expect(error.message).toContain(message);
    expect(error.path).toMatch(/^config\.mcp\.srv\./);
  });
});

test('keys go into headers from the environment, and into a program only by name', async () => {
  const port = await freePort();
  const headers: (string | null)[] = [];
  const server = serve({
    port,
    fetch: (request) => {
      headers.push(request.headers.get('x-key'));
      return new Response('no', { status: 401 });
    },
  });
  open({ close: async () => void server.close() });
  const config = { url: `http://127.0.0.1:${port}/mcp`, headersEnv: { 'x-key': 'MY_KEY' } };
  const { error } = await toolFailure(open(toolBed(config, { MY_KEY: 's3cret-value' })).names());
  expect(error).toMatchObject({ type: 'AuthenticationFailed', path: 'config.mcp.srv.url' });
  expect(headers[0]).toBe('s3cret-value');
  expect(error.message).not.toContain('s3cret-value');

  const every = await everythingServer('stdio');
  const env = { ...process.env, MY_KEY: 's3cret-value', OTHER_KEY: 'hidden' };
  const tools = open(toolBed({ ...every.config, env: ['MY_KEY'] }, env));
  const seen = String(await tools.call('get-env', {}));
  expect(seen).toContain('s3cret-value');
  expect(seen).not.toContain('hidden');
});
