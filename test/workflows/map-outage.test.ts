import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openStore } from '../../src/store/index.ts';
import { type OutageBed, outageBed } from '../setup/outage-bed.ts';

const DAY = 86_400_000;
let bed: OutageBed;

beforeAll(async () => {
  bed = await outageBed('patterns');
});
afterAll(() => bed.close());

function startMap(workflowId: string, names: string[], patience: string) {
  const policy = { candidates: ['house/m'], maxAttempts: 1, patience, cache: false };
  const items = names.map((name) => ({ name }));
  return bed.time.client.workflow.start('map', {
    workflowId,
    taskQueue: bed.taskQueue,
    args: [{ pattern: 'ask', items, policy, concurrency: 1, input: { prompt: 'Greet {{item.name}}' } }],
  });
}

test('a map waits out an outage of two weeks, and its histories stay far below what Temporal ends', async () => {
  const began = await bed.beginOutage(14 * DAY);
  const names = ['Ada', 'Bo', 'Cy', 'Di', 'Ed'];
  const id = `map-${bed.taskQueue}`;
  const handle = await startMap(id, names, '15 days');
  expect(await handle.result()).toMatchObject({ done: names.length, failed: 0 });

  const tookDays = ((await handle.describe()).closeTime!.getTime() - began) / DAY;
  expect(tookDays).toBeGreaterThanOrEqual(14);
  expect(tookDays).toBeLessThan(14.5);
  for (const workflowId of [id, `${id}/rows-1`]) {
    expect((await bed.time.client.workflow.getHandle(workflowId).describe()).historyLength).toBeLessThan(10_000);
  }
}, 300_000);

test('the patience of a row begins with its first request: rows that wait for their turn do not add theirs', async () => {
  const began = await bed.beginOutage(Number.POSITIVE_INFINITY);
  // They come in slices of 4, 2, 1 and 1.
  const names = ['Fay', 'Gus', 'Hal', 'Ida', 'Jo', 'Kim', 'Lev', 'Mia'];
  const id = `impatient-${bed.taskQueue}`;
  const handle = await startMap(id, names, '1 hour');
  expect(await handle.result()).toMatchObject({ done: 0, failed: names.length });
  const tookHours = ((await handle.describe()).closeTime!.getTime() - began) / 3_600_000;
  expect(tookHours).toBeGreaterThanOrEqual(4);
  expect(tookHours).toBeLessThan(5);

  const store = await openStore({ url: bed.databaseUrl });
  const { chain } = (await store.runs.find(id))!;
  const { items } = await store.maps.items(chain, {});
  expect(items.map(({ error }) => error?.type)).toEqual(names.map(() => 'RateLimited'));
  await store.close();
}, 300_000);
