import { setTimeout as delay } from 'node:timers/promises';

const LOOK_MS = 200;
const BUSY_MS = 10;
const PATIENCE_MS = 10_000;

/**
 * Waits until there is nothing left to do: what runs leave for later is theirs too, and not that of who comes next.
 * @param spentMs processor time up to now, ms; else that of this process
 * @param busyMs so much of it in 200 ms is work
 */
export async function untilQuiet(spentMs = ofThisProcess, busyMs = BUSY_MS): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  let spent = Number.POSITIVE_INFINITY;
  while (spent > busyMs && performance.now() < deadline) {
    const before = spentMs();
    await delay(LOOK_MS);
    spent = spentMs() - before;
  }
}

function ofThisProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
