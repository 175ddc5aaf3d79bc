import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mockProvider } from '../setup/mock-provider.ts';
import { type TemporalWire, temporalWire } from '../setup/temporal-wire.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until } from '../setup/until.ts';

let bed: TestBed;
let wire: TemporalWire;
const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };

beforeAll(async () => {
  wire = await temporalWire();
  bed = await testBed({ provider: await mockProvider(), temporalAddress: wire.address });
});
afterAll(async () => {
  await bed.close();
  await wire.close();
});

test('a completion that never reaches Temporal does not make the call be asked again', async () => {
  const run = await bed.temporal.workflow.start('ask', {
    workflowId: `lost-${bed.taskQueue}`,
    taskQueue: bed.taskQueue,
    args: [{ prompt: 'Once only', policy }],
  });
  bed.provider.onRequest(() => wire.cut());
  const events = bed.client.events(run.workflowId);
  await until(() => bed.provider.asked('Once only') === 1 || undefined);
  expect(wire.isCut()).toBe(true);
  // The call finishes in the store; only Temporal does not hear of it, and takes the worker for dead.
  const { openStore } = await import('../../src/store/index.ts');
  const store = await openStore({ url: bed.databaseUrl });
  await until(async () => {
    const stored = await store.runs.find(run.workflowId);
    return (stored && (await store.ledger.bill(stored.chain)).calls.length === 1) || undefined;
  });
  await store.close();
  await until(async () => {
    const { raw } = await run.describe();
    return (raw.pendingActivities?.[0]?.attempt ?? 0) >= 2 || undefined;
  });
  wire.mend();

  expect(await run.result()).toMatchObject({ text: 'answer to: Once only' });
  expect(bed.provider.asked('Once only')).toBe(1);
  const completed = (await Array.fromAsync(events)).filter((event) => event.type === 'call.completed');
  expect(completed).toHaveLength(1);
});
