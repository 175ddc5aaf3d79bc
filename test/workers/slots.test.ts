import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { defaultSlots } from '../../src/workers/slots.ts';
import { echo, mockProvider } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until } from '../setup/until.ts';

const speak = Promise.withResolvers<void>();
let bed: TestBed;

beforeAll(async () => {
  const provider = await mockProvider(async (request) => {
    await speak.promise;
    return echo(request);
  });
  bed = await testBed({ provider, env: { CADENZA_SLOTS: '3' } });
});
afterAll(() => bed.close());

test('a worker makes as many calls at once as it has slots, by lane, says so, and makes the others after them', async () => {
  const runs = await Promise.all(
    ['standard', 'fast'].flatMap((lane) =>
      Array.from({ length: 5 }, (_, nth) => {
        const policy = { candidates: ['openai/gpt-6-sol'], cache: false, lane };
        return bed.client.start('ask', { prompt: `${lane} ${nth}`, policy } as never);
      }),
    ),
  );
  await until(() => (bed.slots().standard.used === 3 && bed.slots().fast.used === 3) || undefined);
  expect(bed.slots()).toEqual({ standard: { used: 3, of: 3 }, fast: { used: 3, of: 3 } });
  for (const lane of ['standard', 'fast']) expect(bed.provider.asked(lane)).toBeLessThanOrEqual(3);
  speak.resolve();
  for (const run of runs) expect(await run.result()).toMatchObject({ finishReason: 'stop' });
  await until(() => bed.slots().standard.used === 0 || undefined);
});

test.each([
  [0.5, 156],
  [1, 412],
  [4, 1_948],
  [64, 2_000],
  [0.1, 100],
])('with %d GB of memory a worker makes %d calls at once', (gigabytes, calls) => {
  expect(defaultSlots(gigabytes * 1024 ** 3)).toBe(calls);
});
