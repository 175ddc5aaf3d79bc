import type { RunEvent } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import type { RunFinder } from './find-run.ts';
import { clientError } from './outcome.ts';

/** How often Temporal is asked whether a run that says nothing has ended, ms. */
const SILENCE_MS = 5_000;

export interface FollowOptions {
  store: Store;
  runs: RunFinder;
  id: string;
  after?: number;
  signal?: AbortSignal;
}

/** The live events of a run. One that Temporal ended without its workflow gets its last event here, since nobody was left
 *  to write it. A workflow no step of which is known yet may become a run with its first one. */
export async function* followRun({ store, runs, id, after = 0, signal }: FollowOptions): AsyncGenerator<RunEvent> {
  const nothingToCome = new AbortController();
  const look = async () => {
    if ((await runs.close(id)) && !(await store.runs.find(id))) nothingToCome.abort();
  };
  await look().catch((thrown) => {
    throw clientError(thrown, id);
  });
  const watch = setInterval(() => void look().catch(() => {}), SILENCE_MS);
  try {
    const until = signal ? AbortSignal.any([signal, nothingToCome.signal]) : nothingToCome.signal;
    yield* store.events.follow(id, { after, signal: until });
  } finally {
    clearInterval(watch);
  }
}
