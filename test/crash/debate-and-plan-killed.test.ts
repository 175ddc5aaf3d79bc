import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type MockProvider, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { until } from '../setup/until.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

const model = 'openai/gpt-6-sol';
const HELD: Record<string, string[]> = { A: ['41', '42', '42'], B: ['40', '42', '42'], C: ['7', '41', '42'] };

let provider: MockProvider;
let bed: CrashBed;
let server: Server;
/** what the tool was asked for */
const looked: string[] = [];

function reply(request: ChatCompletionRequest): FixtureResponse {
  const text = JSON.stringify(request.messages);
  const said = text.includes('You are debater') ? turn(text) : planReply(request, text);
  return typeof said === 'string'
    ? { toolCalls: [{ name: 'look_up', arguments: JSON.stringify({ what: said }) }], usage: USAGE }
    : { content: JSON.stringify(said), usage: USAGE };
}

function turn(text: string): object {
  const [, letter] = /You are debater (\w)/.exec(text)!;
  const round = Number(/This is round (\d)/.exec(text)?.[1] ?? 1);
  return { argument: `Argument ${round} of ${letter}.`, position: HELD[letter!]![round - 1] };
}

/** First `paper` fails, after `ink` is done; then the press is asked instead. @returns what to look up, or what is said */
function planReply(request: ChatCompletionRequest, text: string): string | object {
  if (text.includes('You plan how a goal is reached')) {
    const step = (id: string, needs: string[]) => ({ id, what: `LOOK ${id}`, tools: ['look_up'], needs });
    return {
      steps: text.includes('An earlier plan') ? [step('press', ['ink'])] : [step('ink', []), step('paper', ['ink'])],
    };
  }
  if (text.includes('A plan for a goal was carried out'))
    return { printed: promptOf(request).includes('press is there') };
  const result = request.messages.findLast(({ role }) => role === 'tool');
  const [, what = ''] = /Your step: LOOK (\w+)/.exec(promptOf(request)) ?? [];
  return result ? { result: String(result.content), done: what !== 'paper' } : what;
}

beforeAll(async () => {
  provider = await mockProvider(reply, { chunkSize: 8, streamingProfile: { ttft: 250, tps: 40 } });
  server = createServer((request, response) => {
    const what = new URL(request.url!, 'http://tools').searchParams.get('what')!;
    looked.push(what);
    // Whoever asks for the press first waits until it is killed.
    if (what !== 'press' || looked.filter((one) => one === what).length > 1) response.end(`${what} is there`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const TOOL_SERVER = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  bed = await crashBed({ provider, allKeys: true, folder: 'test/crash/tool-belt', env: { TOOL_SERVER } });
  await bed.start();
});
afterAll(async () => {
  await bed.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('a debate of three whose worker is killed in its second round goes on, and asks nothing twice that was answered', async () => {
  const debaters = [{ model }, { model: 'anthropic/claude-sonnet-5-5' }, { model: 'gemini/gemini-3.8-flash' }];
  const { id } = await bed.cadenza.start('debate', { question: 'Six times seven?', debaters });
  await until(() => (provider.asked('This is round 2') === 3 ? true : undefined));
  const killedAt = Date.now();
  await bed.kill();
  await bed.start();

  expect(await bed.cadenza.result(id)).toMatchObject({
    rounds: 3,
    ended: 'agreed',
    absent: [],
    verdict: { method: 'agreement', position: '42', heldBy: ['A', 'B', 'C'] },
  });
  const events = await Array.fromAsync(bed.cadenza.events(id));
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const completed = events.filter((event) => event.type === 'call.completed');
  expect(completed.map(({ step }) => step!).sort()).toEqual(
    [1, 2, 3].flatMap((round) => ['A', 'B', 'C'].map((letter) => `round-${round}/${letter}`)),
  );
  // Of the second round those are asked again that had not answered: each once more at most.
  const lost = completed.filter(({ step, at }) => step!.startsWith('round-2') && Date.parse(at) > killedAt);
  expect(lost.length).toBeGreaterThan(0);
  expect(provider.requests()).toHaveLength(9 + lost.length);
});

test('a plan whose worker is killed after it was made anew goes on, and does no step again that was done', async () => {
  const before = provider.requests().length;
  const schema = { type: 'object', properties: { printed: { type: 'boolean' } }, required: ['printed'] };
  const { id } = await bed.cadenza.start('plan', {
    goal: 'Print it',
    tools: ['look_up'],
    policy: { candidates: [model] },
    schema,
  });
  await until(() => (looked.includes('press') ? true : undefined));
  await bed.kill();
  await bed.start();

  expect(await bed.cadenza.result(id)).toMatchObject({
    replans: 1,
    ended: 'done',
    plan: { steps: [{ id: 'ink' }, { id: 'press' }] },
    failures: [{ step: 'paper', error: { type: 'ToolFailed', message: 'paper is there' } }],
    final: { object: { printed: true } },
  });
  expect(looked).toEqual(['ink', 'paper', 'press', 'press']);
  // Two plans, two calls for each of three steps, the answer: the killed one was at a tool, and no model is asked twice.
  expect(provider.requests().length - before).toBe(2 + 2 * 3 + 1);
});
