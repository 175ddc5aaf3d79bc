import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { priceOf } from '../../src/providers/index.ts';
import { type BatchPeer, batchPeer, TOKENS } from '../setup/batch-peer.ts';
import { until } from '../setup/until.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

/** of each provider; by hand 500, and a kill more: while the providers work */
const ROWS = Number(process.env.CADENZA_TEST_BATCH_ROWS ?? 40);
const KILLS = ROWS > 40 ? 3 : 2;
const MODELS = ['openai/gpt-4o', 'anthropic/claude-sonnet-5', 'gemini/gemini-3.8-flash'];

let peer: BatchPeer;
let bed: CrashBed;

beforeAll(async () => {
  peer = await batchPeer();
  bed = await crashBed({ provider: peer, allKeys: true, folder: 'test/crash/batches' });
});
afterAll(() => bed.close());

test(`${ROWS} rows at each provider's batch API, the worker killed ${KILLS} times: submitted once, answered once, at half the price`, async () => {
  const began = Date.now();
  const { cadenza, store } = bed;
  await bed.start();
  peer.stall('submit');
  const items = Array.from({ length: ROWS }, (_, index) => ({ text: `row ${index + 1}` }));
  const runs = await Promise.all(
    MODELS.map((model) => {
      const policy = { candidates: [model], patience: '24 h', cache: false as const };
      return cadenza.start('map', { pattern: 'ask', items, input: { prompt: `${model}: {{item.text}}` }, policy });
    }),
  );

  // The providers have the batches, and nobody here knows it.
  await until(() => peer.stalled() === MODELS.length || undefined);
  await restart();
  peer.stall(undefined);

  // They work on them: known again by the mark, or, where there is none, not before their results.
  const sent = store.db.selectFrom('batches').select('provider').where('state', '=', 'sent').orderBy('provider');
  await until(async () => (await sent.execute()).length === 2 || undefined);
  expect((await sent.execute()).map(({ provider }) => provider)).toEqual(['gemini', 'openai']);
  if (KILLS === 3) await restart();

  // Half of the results are read.
  peer.stall('results');
  peer.finish();
  await until(() => peer.stalled() >= MODELS.length || undefined);
  await restart();
  peer.stall(undefined);

  const results = await Promise.all(runs.map((run) => run.result()));
  expect(results).toMatchObject(MODELS.map(() => ({ done: ROWS, failed: 0 })));
  expect(peer.singles).toEqual([]);
  expect(peer.batches.map(({ dialect }) => dialect).sort()).toEqual(['anthropic', 'gemini', 'openai']);
  for (const [index, model] of MODELS.entries()) {
    const prompts = items.map(({ text }) => `${model}: ${text}`);
    const batch = peer.batches.find(({ dialect }) => model.startsWith(dialect))!;
    expect(batch.calls.map(({ prompt }) => prompt).sort()).toEqual(prompts.toSorted());

    const { id } = runs[index]!;
    const output = await Array.fromAsync(cadenza.output(id));
    expect(output.map(({ answer }) => (answer as { text: string }).text)).toEqual(
      prompts.map((prompt) => `answer to: ${prompt}`),
    );

    const events = await Array.fromAsync(cadenza.events(id));
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1));
    const told = (type: string) => events.filter((event) => event.type === type).map(({ step }) => step);
    expect(new Set(told('call.batched')).size).toBe(ROWS);
    expect(told('call.batched')).toHaveLength(ROWS);
    expect(new Set(told('call.completed')).size).toBe(ROWS);
    expect(told('call.completed')).toHaveLength(ROWS);

    const price = priceOf(model, { inputTokens: TOKENS.input, outputTokens: TOKENS.output })!;
    const bill = await cadenza.bill(id);
    expect(bill.calls).toHaveLength(ROWS);
    expect(bill.calls.every(({ batch, costUsd }) => batch && costUsd === Number((price / 2).toFixed(12)))).toBe(true);
    expect(bill.totalUsd).toBeCloseTo((ROWS * price) / 2, 9);
    expect(bill.savedByBatchUsd).toBeCloseTo((ROWS * price) / 2, 9);
  }
  console.log(`${ROWS} rows at each of ${MODELS.length} providers, ${KILLS} kills, ${Date.now() - began} ms`);
}, 600_000);

async function restart(): Promise<void> {
  await bed.kill();
  await bed.start();
}
