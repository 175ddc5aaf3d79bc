import { setTimeout as delay } from 'node:timers/promises';

const LOOK_MS = 200;
const BUSY_MS = 10;
const PATIENCE_MS = 10_000;

/** Waits until this process has nothing left to do: what runs leave for later is theirs too, and not that of who comes next. */
export async function untilQuiet(): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  let spent = Number.POSITIVE_INFINITY;
  while (spent > BUSY_MS && performance.now() < deadline) {
    const before = process.cpuUsage();
    await delay(LOOK_MS);
    const { user, system } = process.cpuUsage(before);
    spent = (user + system) / 1_000;
  }
}
