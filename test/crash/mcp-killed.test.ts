import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { createTaskSessionFromClient, resultFromTaskOutcome } from '@modelcontextprotocol/ext-tasks/client';
import { createGateway, type ServedGateway, serveGateway } from '../../src/gateway/index.ts';
import { echo, type MockProvider, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { testLog } from '../setup/test-log.ts';
import { until } from '../setup/until.ts';
import { freePort, peerServer, type ServerUnderTest, toolBed } from '../tools/mcp-bed.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

const MODEL = 'openai/gpt-6-sol';
const KEY = 'a-key-of-this-test';

let provider: MockProvider;
let peer: ServerUnderTest;
let bed: CrashBed;
let gateway: ServedGateway;
let folder: string;
let away: string;
let held = Promise.withResolvers<void>();
const heldPrompts: string[] = [];

beforeAll(async () => {
  provider = await mockProvider(reply);
  peer = await peerServer('http');
  folder = await mkdtemp(path.join(tmpdir(), 'mcp-worker-'));
  away = `http://127.0.0.1:${await freePort()}/mcp`;
  await writeFile(
    path.join(folder, 'cadenza.config.mjs'),
    `export default ${JSON.stringify({ mcp: { peer: peer.config, away: { url: away } } })};`,
  );
  bed = await crashBed({ provider, folder });
  await bed.start();
  const app = createGateway({
    client: bed.cadenza,
    links: { namespace: 'default' },
    apiKeys: [KEY],
    version: '1',
    log: testLog().log,
  });
  gateway = await serveGateway({ app, port: 0, host: '127.0.0.1' });
});

afterAll(async () => {
  await gateway?.close();
  await bed?.close();
  await peer?.close();
  await rm(folder, { recursive: true });
});

/** Prompts with `hold` are answered once they are let go; agents use the peer's tool once. */
async function reply(request: ChatCompletionRequest): Promise<FixtureResponse> {
  if (promptOf(request).includes('hold')) {
    heldPrompts.push(promptOf(request));
    await held.promise;
  }
  if (!promptOf(request).includes('use the tool')) return echo(request);
  const results = request.messages.filter(({ role }) => role === 'tool');
  if (results.length > 0) return { content: `it said ${String(results[0]!.content)}`, usage: USAGE };
  return { toolCalls: [{ name: 'peer__long', arguments: '{"ms":4000,"text":"the report"}' }], usage: USAGE };
}

const ask = (prompt: string) => ({ prompt, policy: { candidates: [MODEL] } });

async function clientOf(way: 'http' | 'stdio', mode: 'auto' | 'legacy'): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  const headers = { authorization: `Bearer ${KEY}` };
  await client.connect(
    way === 'http'
      ? new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`), { requestInit: { headers } })
      : new StdioClientTransport({
          command: process.execPath,
          args: [path.resolve('bin/cadenza.mjs'), 'mcp'],
          env: Object.fromEntries(
            Object.entries(bed.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
          ),
        }),
  );
  return client;
}

describe.each([
  ['http', 'auto', '2026-07-28'],
  ['http', 'legacy', '2025-11-25'],
  ['stdio', 'auto', '2026-07-28'],
] as const)('another client over %s (%s)', (way, mode, revision) => {
  test('starts a pattern, hears of its progress, and gets its result', async () => {
    const client = await clientOf(way, mode);
    try {
      expect(client.getNegotiatedProtocolVersion()).toBe(revision);
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['ask', 'chain', 'agent', 'council']));
      const told: (string | undefined)[] = [];
      // Not by `onprogress`: the client forgets that with the result, also for what came right before it.
      client.setNotificationHandler('notifications/progress', ({ params }) => void told.push(params.message));
      const asked = { name: 'ask', arguments: ask(`rivers ${way} ${mode}`) };
      const result = await client.callTool(asked, { onprogress: () => {} });
      expect(result.content).toEqual([{ type: 'text', text: `answer to: rivers ${way} ${mode}` }]);
      expect(result.structuredContent).toMatchObject({ model: MODEL, finishReason: 'stop' });
      expect(told).toContain(`${MODEL} answered ask`);
      const wrong = await client.callTool({ name: 'ask', arguments: { promt: 'x' } });
      expect(wrong).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('input') }] });
      await expect(client.callTool({ name: 'nothing' })).rejects.toThrow('There is no tool nothing');
    } finally {
      await client.close();
    }
  });
});

test('a client without a key is refused', async () => {
  const client = new Client({ name: 'test', version: '1' });
  await expect(client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`)))).rejects.toThrow();
});

test('a call that is taken back cancels its run', async () => {
  const client = await clientOf('http', 'auto');
  held = Promise.withResolvers();
  const stop = new AbortController();
  const options = { id: 'taken-back' };
  const call = client.callTool(
    { name: 'ask', arguments: ask('hold this'), _meta: { 'cadenza/run': options } },
    { signal: stop.signal },
  );
  await until(() => heldPrompts.includes('hold this') || undefined);
  stop.abort(new Error('enough'));
  await expect(call).rejects.toThrow();
  await until(async () => ((await bed.cadenza.show('taken-back')).status === 'cancelled' ? true : undefined));
  held.resolve();
  await client.close();
});

describe('a client that knows Tasks starts a long pattern, goes away, and gets it by its id, though the worker was killed', () => {
  const steps = ['one', 'two'].map((id) => ({ id, prompt: `hold ${id}`, policy: { candidates: [MODEL] } }));

  test('2025-11-25', async () => {
    held = Promise.withResolvers();
    const first = await clientOf('http', 'legacy');
    const session = createTaskSessionFromClient(first, { endpointId: 'gateway' });
    const execution = await session.callTool('chain', { steps } as never, { task: { preference: 'require' } });
    if (execution.kind !== 'task') throw new Error('It is no task');
    const { taskId } = execution.handle;
    expect((await bed.cadenza.show(taskId)).pattern).toBe('chain');
    await until(() => heldPrompts.includes('hold one') || undefined);
    await execution.detach();
    await session.close();
    await first.close();
    await bed.kill();
    held.resolve();
    await bed.start();
    const second = await clientOf('http', 'legacy');
    const later = createTaskSessionFromClient(second, { endpointId: 'gateway' });
    const result = resultFromTaskOutcome(await later.task(taskId).result());
    expect(result.content).toEqual([{ type: 'text', text: 'answer to: hold two' }]);
    await later.close();
    await second.close();
  });

  test('2026-07-28', async () => {
    held = Promise.withResolvers();
    const config = { url: `${gateway.url}/mcp`, headersEnv: { authorization: 'GATEWAY_KEY' }, approval: 'never' };
    const env = { ...process.env, GATEWAY_KEY: `Bearer ${KEY}` };
    const first = toolBed(config, env);
    const second = toolBed(config, env);
    let wentAway = false;
    const result = await first.call(
      'chain',
      { steps: steps.map((step) => ({ ...step, prompt: `${step.prompt} again` })) },
      {
        onUnfinished: async () => {
          if (wentAway) return undefined;
          wentAway = true;
          await until(() => heldPrompts.includes('hold one again') || undefined);
          await first.close();
          await bed.kill();
          held.resolve();
          await bed.start();
          return second.tool('chain');
        },
      },
    );
    expect(wentAway).toBe(true);
    expect(result).toMatchObject({ output: 'answer to: hold two again' });
    await second.close();
  });
});

test('an agent’s tool answers with a task: worker and tool server are killed while it runs, and it was asked for once', async () => {
  const run = await bed.cadenza.start('agent', {
    task: 'use the tool',
    tools: ['peer__*'],
    policy: { candidates: [MODEL] },
  });
  await until(() => peer.calls().find((line) => line.startsWith('long ')));
  await until(() => peer.calls().find((line) => line === 'get'));
  await bed.kill();
  await peer.kill();
  await bed.start();
  await peer.start();
  const { text, toolCalls } = await run.result();
  expect(text).toMatch(/it said .*done \w+: the report/s);
  expect(toolCalls).toMatchObject([{ tool: 'peer__long' }]);
  expect(peer.calls().filter((line) => line.startsWith('long '))).toHaveLength(1);
});

test('a server that is not there, a tool it does not have: the run says which, and nothing was asked', async () => {
  const asked = provider.requests().length;
  const run = (tool: string) =>
    bed.cadenza.start('agent', { task: 'x', tools: [tool], policy: { candidates: [MODEL] } });
  const absent = await run('away__*');
  await expect(absent.result()).rejects.toThrow(
    `config.mcp.away.url: The MCP server away (${away}) is not there: connect ECONNREFUSED`,
  );
  const unknown = await run('peer__lon');
  await expect(unknown.result()).rejects.toThrow('No tool named "peer__lon". Did you mean "peer__long"?');
  expect(provider.requests()).toHaveLength(asked);
});
