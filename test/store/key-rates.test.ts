import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openStore, type Store } from '../../src/store/index.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';

let fresh: FreshStore;
let beside: Store;
beforeAll(async () => {
  fresh = await freshStore();
  beside = await openStore({ url: fresh.url });
});
afterAll(async () => {
  await beside.close();
  await fresh.drop();
});

test('whoever is refused is told the whole wait, also by a process that had to wait for others to be admitted', async () => {
  for (let round = 0; round < 5; round += 1) {
    const began = performance.now();
    const waits = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? beside : fresh.store).keys.admit(`key-${round}`, 4)),
    );
    const tookMs = performance.now() - began;
    const refused = waits.filter((waitMs) => waitMs > 0);
    expect(refused).toHaveLength(16);
    // Four at once fill the bucket: the next fits in a quarter of a minute.
    expect(Math.min(...refused)).toBeGreaterThanOrEqual(15_000 - tookMs - 1);
    expect(Math.max(...refused)).toBeLessThanOrEqual(15_000);
  }
});
