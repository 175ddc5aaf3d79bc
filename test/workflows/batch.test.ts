import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { priceOf } from '../../src/providers/index.ts';
import { type BatchPeer, batchPeer, TOKENS } from '../setup/batch-peer.ts';
import type { MockProvider } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until, untilEvent } from '../setup/until.ts';

const MODEL = 'openai/gpt-4o';
const CLAUDE = 'anthropic/claude-sonnet-5';
const GEMINI = 'gemini/gemini-3.8-flash';
/** USD, without the noise of binary fractions */
const HALF = Number((priceOf(MODEL, { inputTokens: TOKENS.input, outputTokens: TOKENS.output })! / 2).toFixed(12));
const patient = (model: string) => ({ candidates: [model], patience: '24 h', cache: false as const });

let peer: BatchPeer;
let bed: TestBed;

beforeAll(async () => {
  peer = await batchPeer((prompt) => {
    if (/expires/.test(prompt)) return 'expired';
    if (/refused/.test(prompt)) return { status: 400 };
    return { text: /json/.test(prompt) ? '{"sum": 4}' : `answer to: ${prompt}` };
  });
  const provider = peer as unknown as MockProvider;
  bed = await testBed({ provider, config: { batches: { gather: '500 ms', settle: '2 s' } } });
});
afterAll(() => bed.close());

const batchWith = (prompt: string) => peer.batches.find(({ calls }) => calls.some((call) => call.prompt === prompt));
const singlesWith = (text: string) => peer.singles.filter(({ prompt }) => prompt.includes(text));

test('cancelled runs take their calls along: a batch nobody waits for is cancelled, the others go on', async () => {
  const { client } = bed;
  const doomed = await client.start('ask', { prompt: 'Never mind', policy: patient(CLAUDE) });
  const alone = await client.start('ask', { prompt: 'Nobody else', policy: patient(GEMINI) });
  const stays = await client.start('ask', { prompt: 'Still wanted', policy: patient(CLAUDE) });
  await until(() => (batchWith('Nobody else') && batchWith('Still wanted') ? true : undefined));
  await client.cancel(doomed.id);
  await client.cancel(alone.id);
  await until(() => batchWith('Nobody else')!.state === 'cancelled' || undefined);
  expect(batchWith('Still wanted')!.state).toBe('going');
  expect(batchWith('Still wanted')).toBe(batchWith('Never mind'));

  const [step] = (await client.timeline(stays.id)).steps;
  expect(step!.calls[0]!.batch).toMatchObject({ id: batchWith('Still wanted')!.id, calls: 2, state: 'submitted' });
  peer.finish();
  expect(await stays.result()).toMatchObject({ text: 'answer to: Still wanted' });
  // What the provider answered all the same is on the bill.
  await until(async () => (await client.bill(doomed.id)).calls.length === 1 || undefined);
  await expect(alone.result()).rejects.toThrow();
  expect(singlesWith('Nobody else')).toEqual([]);
});

test('calls of several runs and of parallel steps share a batch, and are told of in events, timeline and bill', async () => {
  const { client } = bed;
  const policy = patient(MODEL);
  const chain = await client.start('chain', {
    steps: [
      {
        id: 'both',
        parallel: [
          { id: 'a', prompt: 'First branch', policy },
          { id: 'b', prompt: 'Second branch', policy },
        ],
      },
    ],
  });
  const schema = {
    type: 'object',
    properties: { sum: { type: 'number' } },
    required: ['sum'],
    additionalProperties: false,
  };
  const ask = await client.start('ask', { prompt: 'As json', system: 'Be exact.', schema, policy });
  expect(await ask.result()).toMatchObject({ object: { sum: 4 }, costUsd: expect.closeTo(HALF, 12) });
  await chain.result();
  const batch = batchWith('As json')!;
  expect(batch.calls.map(({ prompt }) => prompt).sort()).toEqual(['As json', 'First branch', 'Second branch']);
  expect(batch.calls.find(({ prompt }) => prompt === 'As json')!.body).toMatchObject({
    instructions: 'Be exact.',
    text: { format: { type: 'json_schema' } },
  });

  const events = await bed.eventsOf(ask.id);
  expect(events.map(({ type }) => type)).toEqual([
    ...[
      'run.started',
      'step.started',
      'call.started',
      'call.batched',
      'call.delta',
      'call.completed',
      'step.completed',
    ],
    'run.completed',
  ]);
  expect(events.find(({ type }) => type === 'call.batched')).toMatchObject({ batch: batch.id, calls: 3, model: MODEL });
  const bill = await client.bill(ask.id);
  expect(bill).toMatchObject({ totalUsd: HALF, savedByBatchUsd: HALF });
  expect(bill.calls).toMatchObject([{ batch: true, savedUsd: HALF, usage: { inputTokens: TOKENS.input } }]);
  const [step] = (await client.timeline(ask.id)).steps;
  expect(step!.calls[0]!.batch).toMatchObject({ id: batch.id, state: 'answered' });
  const spend = await client.spend({ model: MODEL });
  expect(spend.total).toMatchObject({ savedByBatchUsd: expect.closeTo(3 * HALF, 12), savedByProviderUsd: 0 });
});

test('a provider whose results do not come holds up no batches of others, and is asked for them again', async () => {
  const { client } = bed;
  peer.stall('results');
  const held = await client.start('ask', { prompt: 'Held up', policy: patient(MODEL) });
  await until(() => peer.stalled() > 0 || undefined);
  peer.stall(undefined);
  const free = await client.start('ask', { prompt: 'Not held up', policy: patient(GEMINI) });
  expect(await free.result()).toMatchObject({ text: 'answer to: Not held up' });
  expect(await held.result()).toMatchObject({ text: 'answer to: Held up' });
});

test.each([MODEL, CLAUDE, GEMINI])(
  'rows of %s that expire or are refused in a batch are asked by themselves',
  async (model) => {
    const items = ['fine', 'expires', 'refused'].map((word) => ({ text: `${word} ${model}` }));
    const input = { prompt: '{{item.text}}' };
    const run = await bed.client.start('map', { pattern: 'ask', items, input, policy: patient(model) });
    expect(await run.result()).toMatchObject({ done: 3, failed: 0 });
    const output = await Array.fromAsync(bed.client.output(run.id));
    expect(output.map(({ answer }) => (answer as { text: string }).text)).toEqual([
      `answer to: fine ${model}`,
      `alone: expires ${model}`,
      `alone: refused ${model}`,
    ]);
    expect(batchWith(`fine ${model}`)!.calls).toHaveLength(3);
    expect(
      singlesWith(model)
        .map(({ prompt }) => prompt)
        .sort(),
    ).toEqual([`expires ${model}`, `refused ${model}`]);
    const bill = await bed.client.bill(run.id);
    expect(bill.calls.map(({ batch = false }) => batch).sort()).toEqual([false, false, true]);
  },
);

test('money is held for a call that waits, and what is not spent is given back', async () => {
  const account = 'tenant:thrifty';
  await bed.client.budgets.set(account, 1);
  const run = await bed.client.start('ask', { prompt: 'On a budget', policy: patient(MODEL) }, { tenant: 'thrifty' });
  await until(async () => (await bed.client.budgets.show(account)).reservedUsd > 0 || undefined);
  await run.result();
  expect(await bed.client.budgets.show(account)).toMatchObject({ spentUsd: HALF, reservedUsd: 0 });
});

test('without patience for a day, or where the policy says so, a call is made at once', async () => {
  for (const policy of [
    { ...patient(MODEL), patience: '23 h' },
    { ...patient(MODEL), batch: false },
    { ...patient(MODEL), lane: 'fast' as const },
  ]) {
    await (await bed.client.start('ask', { prompt: `At once ${JSON.stringify(policy)}`, policy })).result();
  }
  expect(singlesWith('At once')).toHaveLength(3);
});

test('an agent waits for batches only where its policy asks for that', async () => {
  const agent = async (task: string, policy: object) =>
    (await bed.client.start('agent', { task, tools: ['calculator'], policy: policy as never })).result();
  await agent('Turn by turn', patient(MODEL));
  expect(singlesWith('Turn by turn')).toHaveLength(1);
  await agent('All the time', { ...patient(MODEL), batch: true });
  expect(batchWith('All the time')!.calls[0]!.body.tools).toHaveLength(1);
});

test('a run of the direct lane goes on in a workflow where its policy asks for a batch', async () => {
  const policy = { ...patient(MODEL), batch: true };
  const run = await bed.client.startUnchecked('ask', { prompt: 'Directly', policy }, { lane: 'direct' });
  await untilEvent(bed.client, run.id, 'call.batched');
  expect(await run.result()).toMatchObject({ text: 'answer to: Directly' });
  expect(singlesWith('Directly')).toEqual([]);
});

test('an address without batches is asked for them once: calls are made at once', async () => {
  const other = await batchPeer();
  other.without(404);
  const without = await testBed({ provider: other as unknown as MockProvider });
  const items = Array.from({ length: 20 }, (_, index) => ({ text: `row ${index}` }));
  const input = { prompt: '{{item.text}}' };
  const run = await without.client.start('map', { pattern: 'ask', items, input, policy: patient(MODEL) });
  expect(await run.result()).toMatchObject({ done: 20 });
  expect(other.singles).toHaveLength(20);
  expect(other.requests).toEqual(['GET /v1/batches']);
  await without.close();
});
