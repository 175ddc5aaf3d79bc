import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { begunBy, UNNAMED } from '../contract/index.ts';
import { describeRun, orNothing } from '../runtime/describe-run.ts';
import type { Store } from '../store/index.ts';

/** So long a process that began a run is waited for, until it has told Temporal, ms. */
const TOLD_WITHIN_MS = 10_000;
const FIRST_LOOK_MS = 5;
const LONGEST_LOOK_MS = 1_000;
/** Who could not tell Temporal has been asked again by now, or never will be. Temporal forgets no run sooner, ms. */
const UNTOLD_AT_MOST_MS = 3_600_000;

/**
 * Whether a run that a process began, or claimed the id of, is one that Temporal was never told of: the process was lost with it, or Temporal did
 * not take it. Waits for one that is about to tell.
 */
export async function isUntold(
  { temporal }: { temporal: Client },
  { runs, processes }: Pick<Store, 'runs' | 'processes'>,
  id: string,
  chain: string,
): Promise<boolean> {
  const waitsUntil = performance.now() + TOLD_WITHIN_MS;
  for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(2 * lookMs, LONGEST_LOOK_MS)) {
    if (await orNothing(describeRun(temporal, id, chain))) return false;
    const run = await runs.find(id);
    if (run && Date.parse(run.startedAt) < Date.now() - UNTOLD_AT_MOST_MS) return false;
    const hasStopped = run?.status === 'failed' || run?.status === 'cancelled';
    const isOver = performance.now() > waitsUntil;
    // Who claimed the id without a chain did not say in which process.
    const isLost = chain !== UNNAMED && !(await processes.isThere(begunBy(chain)));
    if (hasStopped || isOver || isLost) return true;
    await delay(lookMs);
  }
}
