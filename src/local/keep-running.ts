import { setTimeout as delay } from 'node:timers/promises';
import type { Exit } from './server-process.ts';

/** A server that has been started. */
export interface Part {
  pid: number;
  exited: Promise<Exit>;
  stop(): Promise<void>;
}

export interface Kept<T extends Part> {
  /** the one that runs now, or ran last */
  current(): T;
  /** To be called when `stopping` has been aborted. */
  stop(): Promise<void>;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** One that ran this long was well: its next crash is a new story. */
const HEALTHY_AFTER_MS = 30_000;

/** Starts a server, and starts it again whenever it ends before `stopping` is aborted.
 *  @param start is given the one that ended, to start at the same address
 *  @throws Error when the first start fails; later ones are said and tried again, with longer and longer pauses */
export async function keepRunning<T extends Part>(
  name: string,
  start: (before?: T) => Promise<T>,
  log: (line: string) => void,
  stopping: AbortSignal,
): Promise<Kept<T>> {
  let current = await start();
  let pause = FIRST_PAUSE_MS;

  async function watch(): Promise<void> {
    while (!stopping.aborted) {
      const begun = Date.now();
      const exit = await current.exited;
      if (stopping.aborted) return;
      log(`${name} stopped unexpectedly (${exit.signal ?? `exit code ${exit.code}`}); restarting`);
      if (Date.now() - begun > HEALTHY_AFTER_MS) pause = FIRST_PAUSE_MS;
      await startAgain();
    }
  }

  async function startAgain(): Promise<void> {
    const noticed = Date.now();
    while (!stopping.aborted) {
      await delay(pause, undefined, { signal: stopping }).catch(() => undefined);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      if (stopping.aborted) return;
      try {
        current = await start(current);
        return log(`${name} is back after ${((Date.now() - noticed) / 1000).toFixed(1)} s`);
      } catch (error) {
        if (!stopping.aborted) log(`${name} did not start: ${(error as Error).message}`);
      }
    }
  }

  const watching = watch();
  return {
    current: () => current,
    async stop() {
      await current.stop();
      await watching;
      // One that was just starting when we asked is another process than the one we asked.
      await current.stop();
    },
  };
}
