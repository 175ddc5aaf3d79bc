import { setTimeout as delay } from 'node:timers/promises';
import type { BegunRun } from '../contract/index.ts';
import type { Store } from '../store/index.ts';

/** Two looks: a process may be without its connection for a moment. */
const LOOK_EVERY_MS = 1_000;
/** One that is there, and has said nothing of a run for so long, has lost it. Calls are given up sooner, ms. */
const SILENT_AT_MOST_MS = 900_000;

/** Waits while another process has the run. @param over true where it is known by other means that the run is another's now */
export async function untilLetGo(
  { events, processes }: Pick<Store, 'events' | 'processes'>,
  id: string,
  { chain, by }: BegunRun,
  { signal, over }: { signal: AbortSignal; over(): Promise<boolean> },
): Promise<void> {
  const gone = new AbortController();
  const waiting = AbortSignal.any([gone.signal, signal]);
  let heardAt = performance.now();
  const watch = async () => {
    for (let missed = 0; !waiting.aborted; ) {
      const there = await processes.isThere(by).catch(() => true);
      missed = there ? 0 : missed + 1;
      const lost = missed >= 2 || performance.now() - heardAt > SILENT_AT_MOST_MS;
      if (lost || (await over().catch(() => false))) return gone.abort();
      await delay(LOOK_EVERY_MS, undefined, { signal: waiting }).catch(() => {});
    }
  };
  void watch();
  try {
    for await (const _ of events.followPages(id, { chain, signal: waiting })) heardAt = performance.now();
  } finally {
    gone.abort();
  }
}
