import { isStoreError } from './outage.ts';

/** Looks are spread by so much, ms: the first process that looks admits for all, and the others are notified. */
const SPREAD_MS = 25;
/** Two looks at one queue are at least, and at most, so far apart, ms: notifications may be lost, and processes too. */
const LEAST_MS = 20;
const MOST_MS = 2_000;

/** When a process looks at the queues in which its calls wait. */
export interface QueueClocks {
  /** A call waits at the provider, and there may be room after so long. @returns ends it */
  watch(provider: string, nextMs?: number): () => void;
  close(): void;
}

interface Clock {
  watchers: number;
  timer?: NodeJS.Timeout;
  dueAt: number;
  looking: boolean;
}

/** @param look @returns ms until the next look is worth while, if that is known */
export function createQueueClocks(look: (provider: string) => Promise<number | undefined>): QueueClocks {
  const clocks = new Map<string, Clock>();
  let closed = false;

  function arm(provider: string, clock: Clock, nextMs = MOST_MS): void {
    const waitMs = Math.min(MOST_MS, Math.max(LEAST_MS, nextMs)) + Math.random() * SPREAD_MS;
    const dueAt = performance.now() + waitMs;
    if (closed || (clock.timer && clock.dueAt <= dueAt)) return;
    clearTimeout(clock.timer);
    clock.dueAt = dueAt;
    clock.timer = setTimeout(() => void lookNow(provider, clock), waitMs);
  }

  async function lookNow(provider: string, clock: Clock): Promise<void> {
    clock.timer = undefined;
    if (clock.looking || clock.watchers === 0) return;
    clock.looking = true;
    try {
      arm(provider, clock, await look(provider));
    } catch (error) {
      if (!isStoreError(error)) throw error;
      arm(provider, clock);
    } finally {
      clock.looking = false;
    }
  }

  return {
    watch(provider, nextMs) {
      const clock = clocks.get(provider) ?? { watchers: 0, dueAt: Number.POSITIVE_INFINITY, looking: false };
      clocks.set(provider, clock);
      clock.watchers += 1;
      arm(provider, clock, nextMs);
      let watching = true;
      return () => {
        if (!watching) return;
        watching = false;
        clock.watchers -= 1;
        if (clock.watchers > 0) return;
        clearTimeout(clock.timer);
        clock.timer = undefined;
      };
    },
    close() {
      closed = true;
      for (const { timer } of clocks.values()) clearTimeout(timer);
    },
  };
}
