import type { Client } from '@temporalio/client';
import type { Log } from '../contract/index.ts';
import { releaseHeld } from '../runtime/release-held.ts';
import type { Store } from '../store/index.ts';

const EVERY_MS = 60_000;

/** Looks every minute for money that ended runs still hold. @returns stops it, once a look under way is over */
export function keepReleasing(temporal: Client, store: Store, log: Log): () => Promise<void> {
  let look: Promise<void> = Promise.resolve();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    look = releaseHeld(temporal, store)
      .catch((error) => log.warn({ error: String(error) }, 'Could not look for what ended runs still hold'))
      .finally(() => {
        busy = false;
      });
  }, EVERY_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await look;
  };
}
