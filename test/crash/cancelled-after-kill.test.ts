import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type MockProvider, mockProvider } from '../setup/mock-provider.ts';
import { untilEvent } from '../setup/until.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

let provider: MockProvider;
let bed: CrashBed;
beforeAll(async () => {
  provider = await mockProvider(() => ({ content: 'word '.repeat(300) }), {
    chunkSize: 5,
    streamingProfile: { ttft: 10, tps: 20 },
  });
  bed = await crashBed({ provider });
});
afterAll(() => bed.close());

const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };

test('whoever stops a run that stands still since its worker was killed has it stopped, and pays for what had streamed', async () => {
  const { cadenza } = bed;
  await bed.start();
  const ask = await cadenza.start('ask', { prompt: 'One', policy }, { tenant: 'impatient', budgetUsd: 1 });
  const direct = await cadenza.start('ask', { prompt: 'Two', policy }, { lane: 'direct' });
  const both = await cadenza.start('compare', { prompt: 'Three', models: ['openai/gpt-6-sol'], policy });
  for (const { id } of [ask, direct, both]) await untilEvent(cadenza, id, 'call.delta');
  await bed.kill();
  await cadenza.cancel(ask.id);
  await cadenza.cancel(direct.id);
  await cadenza.stop(both.id, 'openai/gpt-6-sol');
  await bed.start();

  for (const { id } of [ask, direct]) {
    expect(await cadenza.outcome(id, 60_000)).toMatchObject({ status: 'cancelled', error: { type: 'Cancelled' } });
    expect(await cadenza.show(id)).toMatchObject({ status: 'cancelled' });
    expect((await Array.fromAsync(cadenza.events(id))).at(-1)).toMatchObject({ type: 'run.cancelled' });
  }
  await both.result().catch(() => {});
  for (const { id } of [ask, both]) {
    const { calls } = await cadenza.bill(id);
    expect(calls).toMatchObject([{ estimated: true, model: 'openai/gpt-6-sol' }]);
    expect(calls[0]!.usage.inputTokens).toBeGreaterThan(0);
    expect(calls[0]!.usage.outputTokens).toBeGreaterThan(0);
  }
  const { spentUsd, reservedUsd } = await cadenza.budgets.show('tenant:impatient');
  expect({ spentUsd, reservedUsd }).toEqual({ spentUsd: (await cadenza.bill(ask.id)).totalUsd, reservedUsd: 0 });
});
