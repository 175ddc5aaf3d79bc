import type { Client } from '@temporalio/client';
import { firstRunOf } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { closeEnded } from './close-ended.ts';
import { describeRun, orNothing } from './describe-run.ts';

/** A call in flight is told within seconds that its run was ended; what is still held so much later is nobody's, ms. */
const HELD_TOO_LONG_MS = 120_000;

/**
 * Gives back what runs hold that Temporal has closed without their workflow: their calls are neither finished nor
 * failed, since nobody was left to say so. Those still open are left alone: their next attempt uses what they hold.
 * @param olderThanMs of the reservations that are looked at
 */
export async function releaseHeld(temporal: Client, store: Store, olderThanMs = HELD_TOO_LONG_MS): Promise<void> {
  let after: string | undefined;
  do {
    const page = await store.ledger.holdingSince(olderThanMs, after);
    for (const { chain, id } of page.runs) {
      if ((await store.runs.chainOf(id)) === chain && !(await isClosed(temporal, id, chain))) continue;
      await orNothing(closeEnded(temporal, store, id));
      await store.ledger.releaseOf(chain);
    }
    after = page.nextAfter;
  } while (after !== undefined);
}

/** True for runs that Temporal has ended, has forgotten, or had to end before their id was used again. */
async function isClosed(temporal: Client, id: string, chain: string): Promise<boolean> {
  const description = await orNothing(describeRun(temporal, id, chain));
  if (!description) return true;
  const { chain: known, status } = description;
  return known !== (firstRunOf(chain) ?? known) || status !== 'running';
}
