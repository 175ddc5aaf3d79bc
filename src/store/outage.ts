import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../contract/index.ts';
import { UnreadableError } from './cipher.ts';

/** The database could not be reached, or did not answer in time: what was asked of it may be asked again. */
export class StoreError extends Error {
  /** @param url of a database that was not there to begin with; its password is not told */
  constructor(cause: unknown, url?: string) {
    super(`PostgreSQL does not answer${placeIn(url)}: ${reasonOf(cause)}`, { cause });
    this.name = 'StoreError';
  }
}

function placeIn(url: string | undefined): string {
  if (url === undefined || !URL.canParse(url)) return '';
  const { host, pathname } = new URL(url);
  return ` at ${host}${pathname}`;
}

/** Node's error of several addresses has no message. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || String((cause as NodeJS.ErrnoException).code ?? cause.name);
}

/** True for what a database that is away makes of work; false for what it refused to do. */
export function isStoreError(thrown: unknown): thrown is StoreError {
  return thrown instanceof StoreError;
}

/** SQLSTATE classes that say the statement itself is wrong: waiting does not help. */
const REFUSALS = new Set(['0A', '21', '22', '23', '2F', '42', '54', 'P0']);

/**
 * True if the database understood and refused, or the work never got to it. False if it could not be reached, is
 * restarting, has become a standby (25006), or is short of something.
 */
export function isRefused(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return true;
  if (error instanceof UnreadableError) return true;
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && code.length === 5 && REFUSALS.has(code.slice(0, 2));
}

export function asStoreError(thrown: unknown): unknown {
  return isRefused(thrown) || isStoreError(thrown) ? thrown : new StoreError(thrown);
}

/** Waits before attempt `n` (from 1), ms: doubling from 20 to 1,000, spread so that processes do not return at once. */
export function backoffMs(n: number): number {
  return Math.min(1_000, 20 * 2 ** (n - 1)) * (0.5 + Math.random() / 2);
}

/** How long reads, and the beginnings of calls, wait for a database that is away, ms: then they are their caller's to repeat. */
export const PATIENCE_MS = 60_000;

export interface Retrying {
  log: Log;
  /** ms, at most */
  patienceMs: number;
  signal?: AbortSignal;
}

/**
 * Repeats work that may be repeated until the database is back.
 * @throws StoreError when patience ended, that the signal aborted, or whatever else the work throws
 */
export async function retryOutage<T>(
  what: string,
  work: () => Promise<T>,
  { log, patienceMs, signal }: Retrying,
): Promise<T> {
  const start = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isStoreError(error) || signal?.aborted || performance.now() - start > patienceMs) throw error;
      if (attempt === 1 || attempt % 20 === 0) log.warn({ error: String(error), attempt }, `${what}: trying again`);
      await delay(backoffMs(attempt), undefined, { signal });
    }
  }
}

type AsyncMethods<Room> = { [Name in keyof Room]: (...given: never[]) => Promise<unknown> };

/** The same methods, each repeated while the database is away: for those that bear repetition. */
export function retrying<Room extends AsyncMethods<Room>>(name: string, room: Room, options: Retrying): Room {
  const methods = Object.entries<(...given: never[]) => Promise<unknown>>(room).map(([method, work]) => {
    const retried = (...given: never[]) => retryOutage(`${name}.${method}`, () => work(...given), options);
    return [method, retried] as const;
  });
  return Object.fromEntries(methods) as unknown as Room;
}
