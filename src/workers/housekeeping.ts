import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { createCollectBatches } from '../activities/batches/collect-batches.ts';
import { createCancelAbandoned } from '../activities/cancel-abandoned.ts';
import { closeEndedSince } from '../runtime/close-ended.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { releaseHeld } from '../runtime/release-held.ts';
import { retentionAges } from '../runtime/retention-ages.ts';
import type { Metrics } from '../telemetry/index.ts';

const RELEASE_EVERY_MS = 60_000;
/** How far back the first look goes for runs that ended while no worker was there. */
const FIRST_LOOK_MS = 86_400_000;
/** Temporal lists a run as closed a little after it is. */
const LISTED_WITHIN_MS = 300_000;
/** The first pass begins so long after the start, too: a worker that just came has other things to do. */
const PRUNE_EVERY_MS = 600_000;
const COLLECT_EVERY_MS = 1_000;

/**
 * What a worker does beside its work: writes the ends of runs that Temporal closed, gives back
 * money that they still hold, ends answers that go on in the background for nobody, makes batches of calls that wait for one, and forgets what is old enough. Of
 * several workers, one at a time forgets. @returns stops it, once what is under way has come to a good place
 */
export function startHousekeeping(temporal: Client, rooms: OpenRooms & { metrics?: Metrics }): () => Promise<void> {
  const { store, config, log } = rooms;
  const collectBatches = createCollectBatches(rooms);
  const cancelAbandoned = createCancelAbandoned(rooms);
  const stop = new AbortController();

  async function repeat(what: string, everyMs: number, work: () => Promise<unknown>): Promise<void> {
    while (!stop.signal.aborted) {
      await delay(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => {});
      if (stop.signal.aborted) return;
      await work().catch((error) => log.warn({ error: String(error) }, `${what} failed; it is done again later`));
    }
  }

  let lookedAt = Date.now() - FIRST_LOOK_MS;
  const repeated = [
    repeat('Looking for runs that Temporal closed', RELEASE_EVERY_MS, async () => {
      const now = Date.now();
      await closeEndedSince(temporal, store, lookedAt - LISTED_WITHIN_MS);
      lookedAt = now;
    }),
    repeat('Looking for what ended runs still hold', RELEASE_EVERY_MS, () => releaseHeld(temporal, store)),
    repeat('Looking for answers nobody waits for', RELEASE_EVERY_MS, () => cancelAbandoned(stop.signal)),
    repeat('Looking after batches', COLLECT_EVERY_MS, () => collectBatches.begin(stop.signal)),
    repeat('Forgetting what is old', PRUNE_EVERY_MS, async () => {
      const rows = await store.retention.prune(await retentionAges(temporal, config.retention), stop.signal);
      if (rows && Object.keys(rows).length > 0) log.info({ rows }, 'Forgot what is older than the config keeps');
    }),
  ];
  return async () => {
    stop.abort();
    await Promise.all(repeated);
    await collectBatches.ended();
  };
}
