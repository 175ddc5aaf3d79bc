import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RunEvent } from '../../src/contract/index.ts';
import { activitiesOf } from '../setup/history.ts';
import { echo, mockProvider, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { query } from '../store/fresh-store.ts';

const GPT = 'openai/gpt-6-sol';
const CLAUDE = 'anthropic/claude-sonnet-5-5';
const GEMINI = 'gemini/gemini-3.8-flash';
const policy = { cache: false as const, hedge: { afterMs: 150 } };
let bed: TestBed;
let silent: Awaited<ReturnType<typeof silentProvider>>;

beforeAll(async () => {
  const provider = await mockProvider();
  const late = (words: string, model: string, ttft: number, reply = echo) =>
    provider.first((request) => promptOf(request).includes(words) && request.model.startsWith(model), reply, {
      streamingProfile: { ttft, tps: 200 },
    });
  late('both slow', 'gpt', 700);
  late('both slow', 'claude', 3_000);
  late('broken second', 'gpt', 700);
  provider.first(
    (request) => promptOf(request).includes('broken second') && request.model.startsWith('claude'),
    () => ({ status: 500, error: { message: 'out of order', type: 'server_error' } }),
  );
  silent = await silentProvider();
  bed = await testBed({ provider, env: { GEMINI_BASE_URL: silent.url } });
});
afterAll(async () => {
  await bed.close();
  silent.stop();
});

/** A provider that takes a request, and never says a word. */
async function silentProvider() {
  const hungUp = Promise.withResolvers<void>();
  let requests = 0;
  const server = createServer((_, response) => {
    requests += 1;
    response.on('close', hungUp.resolve);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}`, hungUp: hungUp.promise, requests: () => requests, stop };
}

async function ask(prompt: string, first = GPT, options = {}) {
  const input = { prompt, policy: { ...policy, candidates: [first, CLAUDE] } };
  const run = await bed.client.start('ask', input, options);
  const answer = await run.result();
  return { id: run.id, answer, events: await bed.eventsOf(run.id) };
}

const typesOf = (events: RunEvent[]) => events.map(({ type }) => type).filter((type) => type !== 'call.delta');

test('a second candidate answers where the first token is late; the loser is aborted and billed as far as it went', async () => {
  const { id, answer, events } = await ask('sleepy', GEMINI, { budgetUsd: 1 });

  expect(answer).toMatchObject({ model: CLAUDE, text: 'answer to: sleepy' });
  expect(typesOf(events).sort()).toEqual([
    'call.abandoned',
    'call.completed',
    'call.hedged',
    'call.started',
    'call.started',
    'run.completed',
    'run.started',
    'step.completed',
    'step.started',
  ]);
  expect(events.find(({ type }) => type === 'call.hedged')).toMatchObject({ from: GEMINI, to: CLAUDE, afterMs: 150 });
  const abandoned = events.find((event) => event.type === 'call.abandoned')!;
  expect(abandoned).toMatchObject({ model: GEMINI, by: CLAUDE, usage: { outputTokens: 0 } });
  expect(abandoned.usage.inputTokens).toBeGreaterThan(0);

  await silent.hungUp;
  const bill = await bed.client.bill(id);
  expect(bill.calls.map(({ model }) => model).sort()).toEqual([CLAUDE, GEMINI]);
  const [partial] = bill.calls.filter(({ model }) => model === GEMINI);
  expect(partial).toMatchObject({ usage: abandoned.usage, costUsd: abandoned.costUsd });
  expect(bill.totalUsd).toBeCloseTo(answer.costUsd! + abandoned.costUsd!, 9);
  expect(await held()).toBe(0);
  expect(await activitiesOf(bed.temporal, id)).toEqual([
    { type: 'callHedged', summary: `${GEMINI}, after 150 ms also ${CLAUDE} · ask`, failed: false },
  ]);
});

test('a first candidate that speaks in time is alone', async () => {
  const { id, answer, events } = await ask('lively');
  expect(answer.model).toBe(GPT);
  expect(bed.provider.asked('lively')).toBe(1);
  expect(typesOf(events)).not.toContain('call.hedged');
  expect((await bed.client.bill(id)).calls).toHaveLength(1);
});

test('a late first candidate that still speaks first is heard, and the second one is aborted', async () => {
  const { answer, events } = await ask('both slow');
  expect(answer.model).toBe(GPT);
  expect(events.find((event) => event.type === 'call.abandoned')).toMatchObject({ model: CLAUDE, by: GPT });
});

test('a second candidate that fails leaves the first one to answer', async () => {
  const { id, answer, events } = await ask('broken second');
  expect(answer.model).toBe(GPT);
  expect(typesOf(events)).toContain('call.hedged');
  expect(typesOf(events)).not.toContain('call.abandoned');
  expect((await bed.client.bill(id)).calls.map(({ model }) => model)).toEqual([GPT]);
});

test('a run that is reset after its second candidate answered asks nobody again', async () => {
  const { id, answer } = await ask('reset me', GEMINI);
  const asked = silent.requests();
  const { runId } = await bed.temporal.workflow.getHandle(id).describe();
  await bed.temporal.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: id, runId },
    reason: 'test',
    requestId: randomUUID(),
    // The end of the first workflow task: everything after it is done anew.
    workflowTaskFinishEventId: 4 as never,
  });

  expect(await bed.client.result(id)).toEqual(answer);
  expect(silent.requests()).toBe(asked);
  expect(bed.provider.asked('reset me')).toBe(1);
  expect((await bed.client.bill(id)).calls).toHaveLength(2);
});

/** What is still held for calls in flight. */
async function held(): Promise<number> {
  return (await query(bed.databaseUrl, 'select call_key from reservations')).length;
}
