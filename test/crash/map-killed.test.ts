import type { ChatCompletionRequest } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { type MockProvider, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type CrashBed, crashBed, type Kill, killsDuring } from './crash-bed.ts';

const ROWS = 2_000;
const CONCURRENCY = 12;
/** by number: the model refuses one, and is down for the other */
const BAD_ROWS = { 700: 400, 1400: 500 } as Record<number, number>;
const KILL_AFTER = [500, 1_200];

let provider: MockProvider;
let bed: CrashBed;
let temporal: Client;
/** when each row was asked, ms since 1970 */
const asked = new Map<number, number[]>();
let requests = 0;
let broken = true;
let notice: { at: number; reached(): void } | undefined;

function reply(request: ChatCompletionRequest) {
  const row = Number(/row (\d+)/.exec(promptOf(request))![1]);
  asked.set(row, [...(asked.get(row) ?? []), Date.now()]);
  requests += 1;
  if (notice && requests >= notice.at) notice.reached();
  const status = broken ? BAD_ROWS[row] : undefined;
  if (status) return { status, error: { message: `row ${row} does not please`, type: 'error' } };
  return { content: `answer ${row}`, usage: USAGE };
}

function requestsReach(at: number): Promise<void> {
  return new Promise((reached) => {
    notice = { at, reached };
  });
}

beforeAll(async () => {
  provider = await mockProvider(reply, { streamingProfile: { ttft: 15 } });
  bed = await crashBed({ provider });
  temporal = new Client({
    connection: await Connection.connect({ address: process.env.CADENZA_TEST_TEMPORAL_ADDRESS! }),
  });
});
afterAll(async () => {
  await temporal.connection.close();
  await bed.close();
});

test(`${ROWS} rows survive two kills of their worker: each answered once, failed ones listed and run alone`, async () => {
  const began = Date.now();
  const { cadenza } = bed;
  await bed.start();
  const lines = Array.from(
    { length: ROWS },
    (_, index) => `${JSON.stringify({ n: index + 1, text: `row ${index + 1}` })}\n`,
  );
  const { id: source, count } = await cadenza.upload(
    (async function* () {
      yield* lines;
    })(),
    'jsonl',
  );
  expect(count).toBe(ROWS);
  const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };
  const input = {
    pattern: 'ask',
    source,
    input: { prompt: 'Say the number of {{item.text}}' },
    policy,
    concurrency: CONCURRENCY,
  };
  const run = await cadenza.start('map', input);

  const kills: Kill[] = [];
  for (const after of KILL_AFTER) {
    await requestsReach(after);
    kills.push(await bed.kill());
    await bed.start();
  }
  expect(await run.result()).toMatchObject({ done: ROWS - 2, failed: 2 });

  const events = await Array.fromAsync(run.events());
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const completed = new Map(
    events
      .filter(({ type }) => type === 'call.completed')
      .map(({ step, at }) => [Number(step!.slice('row/'.length)), Date.parse(at)]),
  );
  let repeats = 0;
  for (const [row, times] of asked) {
    if (BAD_ROWS[row]) continue;
    const finishedAt = completed.get(row)!;
    expect(times.filter((at) => at > finishedAt)).toEqual([]);
    expect(times.length).toBeLessThanOrEqual(1 + killsDuring(kills, times[0]!, finishedAt));
    repeats += times.length - 1;
  }
  expect(completed.size).toBe(ROWS - 2);
  expect(repeats).toBeLessThanOrEqual(KILL_AFTER.length * CONCURRENCY);
  expect((await cadenza.bill(run.id)).calls.filter(({ estimated }) => !estimated)).toHaveLength(ROWS - 2);

  const output = await Array.fromAsync(cadenza.output(run.id));
  expect(output.map(({ row }) => row)).toEqual(lines.map((_, index) => index + 1));
  const good = output.filter(({ row }) => !BAD_ROWS[row]);
  expect(good.every(({ row, answer }) => (answer as { text: string }).text === `answer ${row}`)).toBe(true);

  const { items: failed } = await cadenza.items(run.id, { status: 'failed' });
  expect(failed).toMatchObject([
    { row: 700, input: { n: 700, text: 'row 700' }, error: { type: 'InvalidRequest', status: 400 } },
    { row: 1_400, error: { type: 'Unavailable', status: 500 } },
  ]);
  // The policy's three attempts of the one that is down, of which a kill may have repeated one.
  expect(asked.get(1_400)!.length).toBeGreaterThanOrEqual(3);

  const histories = await historiesOf(run.id);
  console.log(
    `${ROWS} rows, ${repeats} repeated calls, histories: ${JSON.stringify(histories)}, ${Date.now() - began} ms`,
  );
  expect(histories.length).toBeGreaterThan(1);
  for (const { bytes } of histories) expect(bytes).toBeLessThan(128 * 1024);

  broken = false;
  const before = requests;
  const again = await cadenza.start('map', { ...input, after: run.id });
  expect(await again.result()).toMatchObject({ done: ROWS, failed: 0 });
  expect(requests - before).toBe(2);
  const merged = await Array.fromAsync(cadenza.output(again.id));
  expect(merged.map(({ answer }) => (answer as { text: string }).text)).toEqual(
    lines.map((_, index) => `answer ${index + 1}`),
  );
}, 900_000);

/** Events and bytes of each history of a run. */
async function historiesOf(id: string): Promise<{ events: number; bytes: number }[]> {
  const runs = await Array.fromAsync(temporal.workflow.list({ query: `WorkflowId = '${id}'` }));
  const described = runs.map(async ({ runId }) => {
    const { raw } = await temporal.workflow.getHandle(id, runId).describe();
    const { historyLength, historySizeBytes } = raw.workflowExecutionInfo!;
    return { events: Number(historyLength), bytes: Number(historySizeBytes) };
  });
  return Promise.all(described);
}
