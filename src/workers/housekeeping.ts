import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { releaseHeld } from '../runtime/release-held.ts';
import { retentionAges } from '../runtime/retention-ages.ts';

const RELEASE_EVERY_MS = 60_000;
/** The first pass begins so long after the start, too: a worker that just came has other things to do. */
const PRUNE_EVERY_MS = 600_000;

/**
 * What a worker does beside its work: gives back money that ended runs still hold, and forgets what is old enough. Of
 * several workers, one at a time forgets. @returns stops it, once what is under way has come to a good place
 */
export function startHousekeeping(temporal: Client, { store, config, log }: OpenRooms): () => Promise<void> {
  const stop = new AbortController();

  async function repeat(what: string, everyMs: number, work: () => Promise<unknown>): Promise<void> {
    while (!stop.signal.aborted) {
      await delay(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => {});
      if (stop.signal.aborted) return;
      await work().catch((error) => log.warn({ error: String(error) }, `${what} failed; it is done again later`));
    }
  }

  const repeated = [
    repeat('Looking for what ended runs still hold', RELEASE_EVERY_MS, () => releaseHeld(temporal, store)),
    repeat('Forgetting what is old', PRUNE_EVERY_MS, async () => {
      const rows = await store.retention.prune(await retentionAges(temporal, config.retention), stop.signal);
      if (rows && Object.keys(rows).length > 0) log.info({ rows }, 'Forgot what is older than the config keeps');
    }),
  ];
  return async () => {
    stop.abort();
    await Promise.all(repeated);
  };
}
