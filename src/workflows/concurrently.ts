import { isCancellation } from '@temporalio/workflow';
import { host } from './host.ts';

/**
 * Does a thing for every item, so many at once, and keeps the results in order. When one fails the others are cancelled
 * and waited for, so that no call goes on that nobody will read.
 * @param goesOn looked at before each item: false, and no further one begins; what has begun ends
 */
export async function concurrently<Item, Result>(
  items: readonly Item[],
  most: number,
  act: (item: Item, index: number) => Promise<Result>,
  goesOn: () => boolean = () => true,
): Promise<Result[]> {
  const results: Result[] = [];
  const failures: unknown[] = [];
  let next = 0;

  await host().cancellable(async (cancel) => {
    const worker = async () => {
      while (next < items.length && failures.length === 0 && goesOn()) {
        const index = next;
        next += 1;
        try {
          results[index] = await act(items[index]!, index);
        } catch (thrown) {
          failures.push(thrown);
          cancel();
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  });
  if (failures.length > 0) throw failures.find((thrown) => !isCancellation(thrown)) ?? failures[0];
  return results;
}
