import { setTimeout as delay } from 'node:timers/promises';
import type { Exit } from './server-process.ts';

interface Started {
  pid: number;
  exited: Promise<Exit>;
  stop(): Promise<void>;
}

export interface Kept<T extends Started> {
  /** the one that runs now, or ran last */
  current(): T;
  stop(): Promise<void>;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** One that ran this long was well: the next crash is a new story. */
const HEALTHY_AFTER_MS = 30_000;

/** Starts a server, and starts it again whenever it ends without being asked to.
 *  @param start is given the one that ended, to start at the same address
 *  @throws Error when the first start fails; later ones are said and tried again, with longer and longer pauses */
export async function keepRunning<T extends Started>(
  name: string,
  start: (before: T | undefined, signal: AbortSignal) => Promise<T>,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<Kept<T>> {
  const stopping = new AbortController();
  const eitherSignal = AbortSignal.any([stopping.signal, signal]);
  let current = await start(undefined, eitherSignal);
  const watching = watch();
  return {
    current: () => current,
    async stop() {
      stopping.abort();
      await current.stop();
      await watching;
    },
  };

  async function watch(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    for (;;) {
      const begun = Date.now();
      const exit = await current.exited;
      if (stopping.signal.aborted) return;
      if (Date.now() - begun > HEALTHY_AFTER_MS) pause = FIRST_PAUSE_MS;
      log(`${name} stopped unexpectedly (${exit.signal ?? `exit code ${exit.code}`}); restarting`);
      const noticed = Date.now();
      if (!(await startedAgain())) return;
      log(`${name} is back after ${((Date.now() - noticed) / 1000).toFixed(1)} s`);
    }

    async function startedAgain(): Promise<boolean> {
      for (; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
        await delay(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
        if (stopping.signal.aborted) return false;
        try {
          current = await start(current, eitherSignal);
          pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
          // Asked to stop while it started: whoever asked has only seen the one before.
          if (stopping.signal.aborted) await current.stop();
          return !stopping.signal.aborted;
        } catch (error) {
          if (stopping.signal.aborted) return false;
          log(`${name} did not start: ${(error as Error).message}`);
        }
      }
    }
  }
}
