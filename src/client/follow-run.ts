import type { RunEvent, RunStatus } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import type { RunFinder } from './find-run.ts';

/** How long a run says nothing until Temporal is asked whether it has ended: for the first time, and again, ms. */
const FIRST_SILENCE_MS = 1_000;
const SILENCE_MS = 5_000;
const LOOK_EVERY_MS = 500;

interface FollowOptions {
  store: Store;
  runs: RunFinder;
  id: string;
  /** where it is known */
  chain?: string;
  after?: number;
  signal?: AbortSignal;
}

export interface FollowedRun {
  /** when it was asked for */
  status: RunStatus;
  /** Its events by what is there at once, live; never an empty page. */
  pages: AsyncIterable<RunEvent[]>;
}

/** One that Temporal ended without its workflow gets its last event here, since nobody was left to write it. A workflow no
 *  step of which is known yet may become a run with its first one. */
export async function* followRun({
  store,
  runs,
  id,
  chain,
  after = 0,
  signal,
}: FollowOptions): AsyncGenerator<RunEvent[]> {
  const nothingToCome = new AbortController();
  let heardAt = performance.now();
  let patienceMs = FIRST_SILENCE_MS;
  const look = async () => {
    if (performance.now() - heardAt < patienceMs) return;
    heardAt = performance.now();
    patienceMs = SILENCE_MS;
    if ((await runs.close(id)) && !(await store.runs.find(id))) nothingToCome.abort();
  };
  const watch = setInterval(() => void look().catch(() => {}), LOOK_EVERY_MS);
  try {
    const until = signal ? AbortSignal.any([signal, nothingToCome.signal]) : nothingToCome.signal;
    for await (const page of store.events.followPages(id, { after, chain, signal: until })) {
      yield page;
      heardAt = performance.now();
    }
  } finally {
    clearInterval(watch);
  }
}
