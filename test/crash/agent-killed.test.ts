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
/** What each agent does, one after the other; the server knows whose call it is by the wire's mark. */
const CALLS = ['look_up', 'look_up', 'pay', 'look_up', 'pay', 'look_up'] as const;
const LONG_CALLS = 100;

let provider: MockProvider;
let tools: ToolServer;
let bed: CrashBed;
beforeAll(async () => {
  provider = await mockProvider(nextTurn);
  tools = await toolServer();
  bed = await crashBed({ provider, folder: 'test/crash/tool-belt', env: { TOOL_SERVER: tools.url } });
});
afterAll(async () => {
  await bed.close();
  await tools.stop();
});

function nextTurn({ messages }: ChatCompletionRequest): FixtureResponse {
  const [, mark = ''] =
    /mark-(\w+)/.exec(JSON.stringify(messages.findLast(({ role }) => role === 'user')?.content)) ?? [];
  const results = messages.filter(({ role }) => role === 'tool');
  const plan = mark === 'long' ? Array.from({ length: LONG_CALLS }, () => 'look_up') : CALLS;
  const name = plan[results.length];
  if (name === undefined)
    return {
      content: `done: ${results
        .map(({ content }) => textOf(content))
        .join(' | ')
        .slice(0, 2_000)}`,
      usage: USAGE,
    };
  return { toolCalls: [{ name, arguments: JSON.stringify({ what: `${mark} ${results.length}` }) }], usage: USAGE };
}

/** Gemini wraps results. */
function textOf(content: unknown): string {
  return String(content).replace(/^\{"(?:output|error)":"(.*)"\}$/, '$1');
}

test('killed in the middle of each of six tool calls and after each, an agent on each wire ends right, and nothing unsafe is done twice', async () => {
  await bed.start();
  const runs = await Promise.all(
    WIRES.map((model, index) =>
      bed.cadenza.start('agent', {
        task: `Do it, mark-w${index}`,
        tools: ['look_up', 'pay'],
        policy: { candidates: [model] },
      }),
    ),
  );
  for (const [index, name] of CALLS.entries()) {
    tools.hold();
    await Promise.all(WIRES.map((_, wire) => tools.asked(`w${wire} ${index}`)));
    await bed.kill();
    tools.release();
    await bed.start();
    // Told to have been interrupted, or made once more: both end the call.
    await Promise.all(runs.map((run) => completed(run, index + 1)));
    if (name === 'look_up') await restart();
  }
  const results = await Promise.all(runs.map((run) => run.result()));
  for (const [wire, { text, toolCalls }] of results.entries()) {
    const said = CALLS.map((name, n) => (name === 'pay' ? 'interrupted' : `${name} of w${wire} ${n}`));
    const parts = text.replace('done: ', '').split(' | ');
    expect(parts.map((part, n) => part.slice(0, said[n]!.length))).toEqual(said);
    expect(toolCalls.map(({ interrupted = false }) => interrupted)).toEqual(CALLS.map((name) => name === 'pay'));
    for (const [n, name] of CALLS.entries()) expect(tools.count(`w${wire} ${n}`)).toBe(name === 'pay' ? 1 : 2);
  }

  async function restart() {
    await bed.kill();
    await bed.start();
  }
}, 600_000);

async function completed(run: StartedRun<'agent'>, calls: number): Promise<void> {
  let seen = 0;
  for await (const event of run.events()) {
    if (event.type === 'tool.completed') seen += 1;
    if (seen === calls) return;
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
    await completed(run, killedAt);
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
  /** Answers nobody from now on. */
  hold(): void;
  release(): void;
  stop(): Promise<void>;
}

/** A server that does the tools' work, and counts it. */
async function toolServer(): Promise<ToolServer> {
  const counts = new Map<string, number>();
  const waiting = new Map<string, () => void>();
  let held: (() => void)[] | undefined;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://tools');
    const what = searchParams.get('what')!;
    counts.set(what, (counts.get(what) ?? 0) + 1);
    waiting.get(what)?.();
    if (held && counts.get(what) === 1) held.push(() => answer(response, pathname, what));
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
    hold() {
      held = [];
    },
    release() {
      for (const give of held ?? []) give();
      held = undefined;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(response: ServerResponse, pathname: string, what: string): void {
  const more = what.startsWith('long') ? ` ${'found '.repeat(850)}` : '';
  response.end(`${pathname.slice(1)} of ${what}${more}`);
}
