import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Cadenza, connect } from '../../src/client/index.ts';
import { type RunningWorker, startWorker } from '../../src/workers/index.ts';
import { answerTo, type ConversationProvider, conversationProvider, wordsFor } from '../setup/conversation-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { testLog } from '../setup/test-log.ts';

const TURNS = 300;
const LEAVING_AT = 110;
const LEFT_ALONE_AT = 210;
const MAX_TOKENS = 1_000;
const HISTORY_TURNS = 25;
const MODEL = 'anthropic/claude-sonnet-5-5';

let provider: ConversationProvider;
let bed: TestBed;
let client: Cadenza;
let worker: RunningWorker;
beforeAll(async () => {
  provider = await conversationProvider({ ratio: 1.3 });
  bed = await testBed({ provider });
  worker = bed;
  const { databaseUrl, env, config, taskQueue } = bed;
  const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  client = await connect({ temporalAddress, namespace: 'default', databaseUrl, env, config, taskQueue });
});
afterAll(async () => {
  await client.close();
  await worker.drain();
  await bed.close();
});

async function newWorker(): Promise<void> {
  const { databaseUrl, env, config, taskQueue } = bed;
  const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  const { log } = testLog();
  worker = await startWorker({ temporalAddress, namespace: 'default', databaseUrl, env, config, log, taskQueue });
}

function message(n: number): string {
  return `message ${n} ${wordsFor(n)}`;
}

test('300 turns over many histories and three workers: no turn is lost, the context keeps its limit, a turn its price', async () => {
  const { id, result } = await client.start('conversation', {
    system: 'You know all about rivers.',
    policy: { candidates: [MODEL], maxAttempts: 2 },
    context: {
      window: { maxTokens: MAX_TOKENS },
      summary: { whenOverTokens: 780, keepTurns: 3 },
      pinned: ['The user is called Ada.'],
    },
    historyTurns: HISTORY_TURNS,
  });

  const costs: number[] = [];
  for (let n = 0; n < TURNS; n += 1) {
    if (n === LEFT_ALONE_AT) await worker.drain();
    const answer = client.send(id, message(n));
    // One message is sent to a worker that is leaving, one to nobody: the worker that comes then answers it.
    if (n === LEAVING_AT) await Promise.all([worker.drain(), newWorker()]);
    if (n === LEFT_ALONE_AT) await newWorker();
    const { text, usage } = await answer;
    expect(text).toBe(answerTo(message(n)));
    costs.push(usage.inputTokens + usage.outputTokens);
  }
  await client.end(id);
  expect(await result()).toEqual({ turns: TURNS });

  const talks = provider.billed.filter(({ isSummary }) => !isSummary);
  const summaries = provider.billed.filter(({ isSummary }) => isSummary);

  // No turn was lost, asked twice, or sent out of order.
  expect(talks.map(({ prompt }) => prompt)).toEqual(Array.from({ length: TURNS }, (_, n) => message(n)));
  for (const [n, { messages, system }] of talks.entries()) {
    const kept = Number(/kept 0 to (\d+)/.exec(system)?.[1] ?? -1);
    const window = messages.slice(0, -1);
    expect(window.length % 2).toBe(0);
    // What the summary does not hold is there word for word: nothing fell between the two.
    expect(n - window.length / 2).toBe(kept + 1);
    expect(window).toEqual(
      Array.from({ length: window.length / 2 }, (_, index) => {
        const asked = message(kept + 1 + index);
        return [asked, answerTo(asked)];
      }).flat(),
    );
    expect(system).toContain('The user is called Ada.');
  }

  // The provider counts 1.3 of its tokens for each that was estimated, and still is sent no more than its limit.
  expect(Math.max(...provider.billed.map(({ tokens }) => tokens))).toBeLessThanOrEqual(MAX_TOKENS);

  // The summary was made many times, each from the one before: it holds the first message still.
  expect(summaries.length).toBeGreaterThan(TURNS / 20);
  expect(talks.at(-1)!.system).toMatch(/kept 0 to 29\d/);

  // A turn costs the same at the end as when the window first was full, summaries included.
  const { calls } = await client.bill(id);
  expect(calls).toHaveLength(TURNS + summaries.length);
  const [first, last] = [meanCost(calls, 'turn', 50, 100), meanCost(calls, 'turn', 250, 300)];
  expect(last / first).toBeGreaterThan(0.9);
  expect(last / first).toBeLessThan(1.1);
  const sum = (numbers: number[]) => numbers.reduce((total, one) => total + one, 0);
  const summing = sum(calls.filter(({ step }) => step.startsWith('summary')).map(({ usage }) => usage.inputTokens));
  expect(summing).toBeLessThan(sum(costs));

  // One run to everybody: a log without gaps, steps numbered on.
  const events = await Array.fromAsync(client.events(id));
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.filter(({ type }) => type === 'run.started')).toHaveLength(1);
  expect(events.filter(({ type, step }) => type === 'step.completed' && step!.startsWith('turn'))).toHaveLength(TURNS);
  expect(calls.map(({ step }) => step)).toContain(`turn#${TURNS}`);

  const histories = await historiesOf(bed, id);
  expect(histories.length).toBeGreaterThanOrEqual(TURNS / HISTORY_TURNS);
  expect(Math.max(...histories.map(({ bytes }) => bytes))).toBeLessThan(250_000);
  console.log(
    `histories: ${histories.map(({ bytes, events: count }) => `${count} events, ${bytes} bytes`).join('; ')}`,
  );
});

function meanCost(
  calls: { step: string; usage: { inputTokens: number; outputTokens: number } }[],
  name: string,
  from: number,
  to: number,
): number {
  const turns = calls.filter(({ step }) => step.split('#')[0] === name).slice(from, to);
  return turns.reduce((sum, { usage }) => sum + usage.inputTokens + usage.outputTokens, 0) / turns.length;
}

/** Every Temporal history of the run, the newest first. */
async function historiesOf({ temporal }: TestBed, id: string): Promise<{ bytes: number; events: number }[]> {
  const histories: { bytes: number; events: number }[] = [];
  for (let runId: string | undefined; ; ) {
    const handle = temporal.workflow.getHandle(id, runId);
    const [description, { events }] = await Promise.all([handle.describe(), handle.fetchHistory()]);
    const bytes = Number(description.raw.workflowExecutionInfo?.historySizeBytes ?? 0);
    histories.push({ bytes, events: events!.length });
    runId = events![0]!.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
    if (runId === undefined) return histories;
  }
}
