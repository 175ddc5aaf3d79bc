import type { Client } from '@temporalio/client';
import type { RunEvent } from '../contract/index.ts';
import { closeEnded } from '../runtime/close-ended.ts';
import type { Store } from '../store/index.ts';
import { clientError } from './outcome.ts';

/** How often Temporal is asked whether a run that says nothing was terminated, ms. */
const SILENCE_MS = 5_000;

export interface FollowOptions {
  temporal: Client;
  store: Store;
  id: string;
  after?: number;
  signal?: AbortSignal;
}

/** The live events of a run. A run that Temporal ended by itself (terminated, timed out) gets its last event here,
 *  since no workflow code was left to write it. */
export async function* followRun({ temporal, store, id, after = 0, signal }: FollowOptions): AsyncGenerator<RunEvent> {
  if (!(await store.runs.find(id))) await exists(temporal, id);
  const watch = setInterval(() => {
    closeEnded(temporal, store, id).catch(() => {});
  }, SILENCE_MS);
  try {
    await closeEnded(temporal, store, id);
    yield* store.events.follow(id, { after, signal });
  } finally {
    clearInterval(watch);
  }
}

async function exists(temporal: Client, id: string): Promise<void> {
  try {
    await temporal.workflow.getHandle(id).describe();
  } catch (thrown) {
    throw clientError(thrown, id);
  }
}
