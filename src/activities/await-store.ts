import { setTimeout as delay } from 'node:timers/promises';
import { isStoreError } from '../store/index.ts';

/** ms between two looks whether PostgreSQL is back; each look waits for a minute by itself */
const PAUSE_MS = 1_000;

/** Does what needs the store, as soon as it can be done: PostgreSQL being away is a wait, not a failure of the call.
 *  @throws the reason of the signal, or what the database refused */
export async function awaitStore<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!isStoreError(error)) throw error;
      await delay(PAUSE_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
