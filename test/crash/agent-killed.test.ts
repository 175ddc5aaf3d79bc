import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import type { StartedRun } from '../../src/client/index.ts';
import type { RunEvent } from '../../src/contract/index.ts';
import { type MockProvider, mockProvider, USAGE } from '../setup/mock-provider.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

const WIRES = ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5', 'gemini/gemini-3.8-flash'];
/** What each agent does, one after the other, and what the model must read of it; the server knows whose call it is by `what`. */
const CALLS: { tool: string; args: (what: string) => object; says: (what: string) => string }[] = [
  { tool: 'web_search', args: (what) => ({ query: what }), says: (what) => `found ${what}` },
  { tool: 'calculator', args: () => ({ expression: '2 * 21' }), says: () => '42' },
  { tool: 'pay', args: (what) => ({ what }), says: () => 'interrupted' },
  {
    tool: 'code',
    args: (what) => ({ source: `const said = await tools.look_up({ what: '${what}' });\nsaid.toUpperCase()` }),
    says: (what) => `LOOK_UP OF ${what.toUpperCase()}`,
  },
  { tool: 'pay', args: (what) => ({ what }), says: () => 'interrupted' },
  { tool: 'web_search', args: (what) => ({ query: what }), says: (what) => `found ${what}` },
];
const TOOLS = ['web_search', 'calculator', 'code', 'look_up', 'pay'];
/** Tools after which the worker is killed once more: by hand, all. CADENZA_TEST_KILLS=1 */
const KILLED_AFTER = process.env.CADENZA_TEST_KILLS ? TOOLS : [];
const LONG_CALLS = 100;

let provider: MockProvider;
let tools: ToolServer;
let bed: CrashBed;
beforeAll(async () => {
  provider = await mockProvider(nextTurn);
  tools = await toolServer();
  bed = await crashBed({
    provider,
    allKeys: true,
    folder: 'test/crash/tool-belt',
    env: { TOOL_SERVER: tools.url, SEARXNG_URL: tools.url },
  });
});
afterAll(async () => {
  await bed.close();
  await tools.stop();
});

function nextTurn({ messages }: ChatCompletionRequest): FixtureResponse {
  const [, mark = ''] =
    /mark-(\w+)/.exec(JSON.stringify(messages.findLast(({ role }) => role === 'user')?.content)) ?? [];
  const results = messages.filter(({ role }) => role === 'tool');
  const nth = results.length;
  const what = `${mark} ${nth}`;
  const next =
    mark === 'long' ? (nth < LONG_CALLS ? { tool: 'look_up', args: { what } } : undefined) : callOf(what, nth);
  if (next) return { toolCalls: [{ name: next.tool, arguments: JSON.stringify(next.args) }], usage: USAGE };
  const said = results.map(({ content }) => String(content).slice(0, 3_000)).join('\n===\n');
  return { content: mark === 'long' ? 'done' : said, usage: USAGE };
}

function callOf(what: string, nth: number) {
  const call = CALLS[nth];
  return call && { tool: call.tool, args: call.args(what) };
}

test('killed in the middle of each of six tool calls, an agent on each wire ends right, and nothing unsafe is done twice', async () => {
  await bed.start();
  const runs = await Promise.all(
    WIRES.map((model, wire) => {
      const policy = { candidates: [model] };
      return bed.cadenza.start('agent', { task: `Do it, mark-w${wire}`, tools: TOOLS, policy });
    }),
  );
  for (const [nth, { tool }] of CALLS.entries()) {
    const begun = (run: StartedRun<'agent'>, wire: number) =>
      tool === 'calculator' ? seen(run, 'tool.started', nth + 1) : tools.asked(`w${wire} ${nth}`);
    await Promise.all(runs.map(begun));
    await bed.kill();
    tools.release();
    await bed.start();
    await Promise.all(runs.map((run) => seen(run, 'tool.completed', nth + 1)));
    if (!KILLED_AFTER.includes(tool)) continue;
    await bed.kill();
    await bed.start();
  }
  const results = await Promise.all(runs.map((run) => run.result()));
  for (const [wire, { text, toolCalls }] of results.entries()) {
    const parts = text.split('\n===\n');
    expect(parts.map((part, nth) => part.includes(CALLS[nth]!.says(`w${wire} ${nth}`)))).toEqual(CALLS.map(() => true));
    expect(toolCalls.map(({ interrupted = false }) => interrupted)).toEqual(CALLS.map(({ tool }) => tool === 'pay'));
    for (const [nth, { tool }] of CALLS.entries()) {
      const asked = tools.count(`w${wire} ${nth}`);
      expect({ tool, asked }).toEqual({ tool, asked: { pay: 1, calculator: 0 }[tool] ?? 2 });
    }
  }
}, 600_000);

/** Waits until so many events of the kind are there. */
async function seen(run: StartedRun<'agent'>, type: RunEvent['type'], count: number): Promise<void> {
  let so = 0;
  for await (const event of run.events()) {
    if (event.type === type) so += 1;
    if (so === count) return;
  }
}

test(`${LONG_CALLS} tool calls on a conversation of 200,000 tokens stay within 1 MB of history, though the worker is killed twice`, async () => {
  const said = 'The river bends because the outer bank is worn away while sand settles on the inner one. '.repeat(50);
  const messages = Array.from(
    { length: 200 },
    (_, n) => ({ role: n % 2 === 0 ? 'user' : 'assistant', content: `${n} ${said}` }) as const,
  );
  await bed.kill();
  await bed.start();
  const began = Date.now();
  const run = await bed.cadenza.start('agent', {
    messages: [...messages, { role: 'user', content: 'Look up all of them, mark-long' }],
    tools: ['look_up'],
    maxSteps: 200,
    policy: { candidates: [WIRES[0]!] },
  });
  for (const killedAt of [30, 70]) {
    await seen(run, 'tool.completed', killedAt);
    await bed.kill();
    await bed.start();
  }
  const { toolCalls, steps } = await run.result();
  expect(toolCalls).toHaveLength(LONG_CALLS);
  expect(steps).toBe(LONG_CALLS + 1);

  const connection = await Connection.connect({ address: process.env.CADENZA_TEST_TEMPORAL_ADDRESS! });
  const described = await new Client({ connection }).workflow.getHandle(run.id).describe();
  const bytes = Number(described.raw.workflowExecutionInfo!.historySizeBytes);
  await connection.close();
  const times = timesByCall(await Array.fromAsync(run.events()), began);
  console.log(
    `${LONG_CALLS} calls: history ${described.historyLength} events, ${bytes} bytes, ${Math.round(bytes / LONG_CALLS)} a call; ms a call ${times}`,
  );
  expect(bytes).toBeLessThan(1_000_000);
}, 600_000);

/** ms from one tool call to the next, by tens: their median. */
function timesByCall(events: RunEvent[], began: number): string {
  const at = events.filter(({ type }) => type === 'tool.completed').map((event) => Date.parse(event.at));
  const each = at.map((time, index) => time - (at[index - 1] ?? began));
  const tens = Array.from(
    { length: each.length / 10 },
    (_, ten) => each.slice(ten * 10, ten * 10 + 10).sort((a, b) => a - b)[5]!,
  );
  return tens.join(' ');
}

interface ToolServer {
  url: string;
  /** how often the server was asked for it */
  count(what: string): number;
  /** Waits until it is asked for it. */
  asked(what: string): Promise<void>;
  /** Answers those it keeps waiting: it does so with whoever asks for the first time, until a worker was killed meanwhile. */
  release(): void;
  stop(): Promise<void>;
}

/** A server that does the tools' work, and counts it. A run may be a call ahead of the others: it too is killed in its midst. */
async function toolServer(): Promise<ToolServer> {
  const counts = new Map<string, number>();
  const waiting = new Map<string, () => void>();
  let held: (() => void)[] = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://tools');
    const what = (searchParams.get('what') ?? searchParams.get('q'))!;
    counts.set(what, (counts.get(what) ?? 0) + 1);
    waiting.get(what)?.();
    if (counts.get(what) === 1 && !what.startsWith('long')) held.push(() => answer(response, pathname, what));
    else answer(response, pathname, what);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: (what) => counts.get(what) ?? 0,
    asked: (what) =>
      new Promise((resolve) => {
        if (counts.has(what)) resolve();
        else waiting.set(what, resolve);
      }),
    release() {
      for (const give of held) give();
      held = [];
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, pathname: string, what: string): void {
  if (pathname === '/search') {
    const results = [{ title: `found ${what}`, url: 'https://example.org/', content: 'It is there.' }];
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ query: what, results }));
    return;
  }
  const more = what.startsWith('long') ? ` ${'found '.repeat(850)}` : '';
  response.end(`${pathname.slice(1)} of ${what}${more}`);
}
