import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../contract/index.ts';

/** SQLSTATE classes that say the statement itself is wrong: waiting does not help. */
const REFUSALS = new Set(['0A', '21', '22', '23', '2F', '42', '54', 'P0']);

/** True if the database understood and refused; false if it could not be reached, is restarting, or is short of something. */
export function isRefused(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && code.length === 5 && REFUSALS.has(code.slice(0, 2));
}

/** Waits before attempt `n` (from 1), ms: doubling from 20 to 1,000, spread so that processes do not return at once. */
export function backoffMs(n: number): number {
  return Math.min(1_000, 20 * 2 ** (n - 1)) * (0.5 + Math.random() / 2);
}

/**
 * Repeats work that may be repeated until the database is back, for `patienceMs` at most (default: as long as needed).
 * @throws what the database refused, what was wrong when patience ended, or that the signal aborted
 */
export async function outlast<T>(
  work: () => Promise<T>,
  what: string,
  log: Log,
  { signal, patienceMs = Number.POSITIVE_INFINITY }: { signal?: AbortSignal; patienceMs?: number } = {},
): Promise<T> {
  const start = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (isRefused(error) || signal?.aborted || performance.now() - start > patienceMs) throw error;
      if (attempt === 1 || attempt % 20 === 0)
        log.warn({ error: String(error), attempt }, `${what}: the database does not answer, trying again`);
      await delay(backoffMs(attempt), undefined, { signal });
    }
  }
}
