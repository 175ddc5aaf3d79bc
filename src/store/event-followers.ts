import { setTimeout as delay } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { isTerminal, type Log, type RunEvent, type RunRef } from '../contract/index.ts';
import { type Bell, createBell } from './bell.ts';
import type { Database } from './database.ts';
import { type EventRow, toRunEvent } from './event-rows.ts';
import { createFollowerLeases } from './follower-leases.ts';
import { retryOutage } from './outage.ts';

export interface FollowOptions {
  /** the cursor: only events with a higher `seq` (default 0, all) */
  after?: number;
  /** ends the iteration */
  signal?: AbortSignal;
  /** the run's chain, where the newest one of the id is not meant */
  chain?: string;
}

export interface Followers {
  has(chain: string): boolean;
  /** A run is about to begin in this process: what it says is kept for its first reader, who is expected within a moment
   *  and then needs to ask nobody. */
  expect(chain: string): void;
  /**
   * What this process has just committed.
   * @param runs all runs it wrote to
   * @param complete those of them whose events are all in `written`
   */
  publish(runs: RunRef[], complete: RunRef[], written: EventRow[]): void;
  /** What another process has committed, as put_events words it. */
  onNotification(payload: string): void;
  /** Anything may have happened. */
  refetchAll(): void;
  /** Never an empty page. */
  followPages(id: string, options?: FollowOptions): AsyncGenerator<RunEvent[], void, undefined>;
  close(): void;
}

interface Follower {
  /** the last event given to the reader */
  cursor: number;
  /** committed by this process and not yet read; beyond the limit they are dropped and fetched when wanted */
  queued: EventRow[];
  /** characters of text in them */
  queuedText: number;
  /** the database may know more than was queued */
  behind: boolean;
  bell: Bell;
}

const PAGE = 500;
/** What is kept in memory for a reader that does not read: then it is served from the database again. */
const QUEUED_AT_MOST = 500;
const QUEUED_TEXT_AT_MOST = 1_000_000;
/** ms; for what notifications should have said and did not */
const POLL_EVERY_MS = 2_000;
/** A run that began in this process speaks here: so long other processes need not know who follows it, ms. */
const SPEAKS_HERE_MS = 1_000;

/** All readers of this process: woken by its own writer, by other processes' notifications, and by a slow look. */
export function createFollowers(db: Kysely<Database>, origin: string, log: Log): Followers {
  const byChain = new Map<string, Set<Follower>>();
  const byId = new Map<string, Set<Bell>>();
  const expected = new Map<string, { follower: Follower; forget(): void }>();
  const closing = new AbortController();
  let polling = false;
  const leases = createFollowerLeases(db, origin, catchUp, { log, signal: closing.signal });

  const followersOf = (chain: string): Iterable<Follower> => byChain.get(chain) ?? [];
  const markBehind = (follower: Follower) => {
    follower.behind = true;
    follower.bell.ring();
  };

  function publish(runs: RunRef[], complete: RunRef[], written: EventRow[]): void {
    const completeChains = new Set(complete.map(({ chain }) => chain));
    for (const row of written) for (const follower of followersOf(row.chain)) enqueue(follower, row);
    for (const { chain, id } of runs) {
      ringId(id);
      // began to follow while the flush was under way, or the answer to the flush was lost
      if (!completeChains.has(chain)) for (const follower of followersOf(chain)) markBehind(follower);
    }
  }

  function onNotification(payload: string): void {
    const [from, ...lines] = payload.split('\n');
    if (from === origin) return;
    for (const line of lines) {
      const [chain, seq, ...id] = line.split(' ');
      for (const follower of followersOf(chain!)) if (Number(seq) > reachOf(follower)) markBehind(follower);
      ringId(id.join(' '));
    }
  }

  function refetchAll(): void {
    leases.holdAnew();
    for (const followers of byChain.values()) for (const follower of followers) markBehind(follower);
    for (const id of byId.keys()) ringId(id);
  }

  function catchUp(runs: { chain: string; seq: number; status: string }[]): void {
    for (const { chain, seq, status } of runs) {
      for (const follower of followersOf(chain)) {
        if (seq > reachOf(follower) || status !== 'running') markBehind(follower);
      }
    }
  }

  function ringId(id: string): void {
    for (const bell of byId.get(id) ?? []) bell.ring();
  }

  /** One query for all readers, as long as there are any. */
  async function poll(): Promise<void> {
    if (polling) return;
    polling = true;
    while (byChain.size + byId.size > 0 && !closing.signal.aborted) {
      await delay(POLL_EVERY_MS, undefined, { ref: false, signal: closing.signal }).catch(() => {});
      for (const id of byId.keys()) ringId(id);
      const chains = [...byChain.keys()];
      if (chains.length === 0 || closing.signal.aborted) continue;
      const runs = await db
        .selectFrom('runs')
        .select(['chain', 'seq', 'status'])
        .where('chain', 'in', chains)
        .execute()
        .catch(() => []);
      catchUp(runs);
    }
    polling = false;
  }

  async function* followPages(id: string, options: FollowOptions = {}): AsyncGenerator<RunEvent[], void, undefined> {
    const signal = options.signal ? AbortSignal.any([options.signal, closing.signal]) : closing.signal;
    const chain = options.chain ?? (await chainWhenThere(id, signal));
    if (chain === undefined) return;
    const after = options.after ?? 0;
    const { follower, forget } = takeExpected(chain, after) ?? registered(chain, newFollower(after, true));
    signal.addEventListener('abort', follower.bell.ring);
    void poll();
    try {
      while (!signal.aborted) {
        const queued = takeQueued(follower);
        if (queued.length > 0) {
          follower.cursor = queued.at(-1)!.seq;
          // What this process completes, it has said all of; else the database knows whether it was the last word.
          const isLast = queued.at(-1)!.type === 'run.completed';
          if (queued.some((row) => isTerminal(row as { type: RunEvent['type'] }))) follower.behind = true;
          yield queued.map((row) => toRunEvent(row, id));
          if (isLast) return;
          continue;
        }
        if (!follower.behind) {
          await follower.bell.wait();
          continue;
        }
        follower.behind = false;
        const page = await pageAfter(chain, follower.cursor, signal);
        if (signal.aborted) return;
        if (page.rows.length > 0) {
          follower.cursor = page.rows.at(-1)!.seq;
          yield page.rows.map((row) => toRunEvent(row, id));
        }
        if (page.rows.length === PAGE) follower.behind = true;
        else if (page.ended && follower.cursor >= page.seq) return;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', follower.bell.ring);
      forget();
    }
  }

  function registered(chain: string, follower: Follower, leaseAfterMs = 0) {
    const unregister = register(byChain, chain, follower);
    const timer = leaseAfterMs > 0 ? setTimeout(() => leases.hold(chain), leaseAfterMs).unref() : undefined;
    if (!timer) leases.hold(chain);
    const forget = () => {
      clearTimeout(timer);
      unregister();
      if (!byChain.has(chain)) leases.drop(chain);
    };
    return { follower, forget };
  }

  function expect(chain: string): void {
    const kept = registered(chain, newFollower(0, false), SPEAKS_HERE_MS);
    expected.set(chain, kept);
    setTimeout(() => {
      if (expected.delete(chain)) kept.forget();
    }, SPEAKS_HERE_MS).unref();
  }

  function takeExpected(chain: string, after: number) {
    const kept = after === 0 ? expected.get(chain) : undefined;
    if (kept) expected.delete(chain);
    return kept;
  }

  async function pageAfter(chain: string, cursor: number, signal: AbortSignal) {
    const query = async () => {
      // the run first: what it says of its end is then true of the events read after
      const run = await db.selectFrom('runs').select(['status', 'seq']).where('chain', '=', chain).executeTakeFirst();
      const rows =
        run && run.seq > cursor
          ? await db
              .selectFrom('events')
              .select(['chain', 'seq', 'at', 'type', 'step', 'call', 'epoch', 'data'])
              .where('chain', '=', chain)
              .where('seq', '>', cursor)
              .orderBy('seq')
              .limit(PAGE)
              .execute()
          : [];
      return { rows, ended: run !== undefined && run.status !== 'running', seq: run?.seq ?? 0 };
    };
    return retryOutage('events.follow', query, { log, signal, patienceMs: Number.POSITIVE_INFINITY });
  }

  async function chainWhenThere(id: string, signal: AbortSignal): Promise<string | undefined> {
    const bell = createBell();
    const forget = register(byId, id, bell);
    void poll();
    try {
      while (!signal.aborted) {
        const chain = await retryOutage('events.follow', () => newestChain(db, id), {
          ...{ log, signal, patienceMs: Number.POSITIVE_INFINITY },
        });
        if (chain !== undefined) return chain;
        await bell.wait({ signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      forget();
    }
  }

  return {
    has: (chain) => byChain.has(chain),
    expect,
    ...{ publish, onNotification, refetchAll, followPages },
    close: () => closing.abort(),
  };
}

/** The newest run of a workflow id, which may have been used before. */
export async function newestChain(db: Kysely<Database>, id: string): Promise<string | undefined> {
  const run = await db
    .selectFrom('runs')
    .select('chain')
    .where('id', '=', id)
    .orderBy('started_at', 'desc')
    .orderBy('chain', 'desc')
    .limit(1)
    .executeTakeFirst();
  return run?.chain;
}

function newFollower(cursor: number, behind: boolean): Follower {
  return { cursor, queued: [], queuedText: 0, behind, bell: createBell() };
}

function enqueue(follower: Follower, row: EventRow): void {
  follower.queuedText += typeof row.data.text === 'string' ? row.data.text.length : 0;
  if (follower.queued.length < QUEUED_AT_MOST && follower.queuedText < QUEUED_TEXT_AT_MOST) follower.queued.push(row);
  else {
    follower.queued = [];
    follower.queuedText = 0;
    follower.behind = true;
  }
  follower.bell.ring();
}

/** The queued events that follow the cursor. With a hole before one all are dropped, and the database is asked. */
function takeQueued(follower: Follower): EventRow[] {
  const queued = follower.queued.filter(({ seq }) => seq > follower.cursor);
  follower.queued = [];
  follower.queuedText = 0;
  const hole = queued.findIndex(({ seq }, index) => seq !== follower.cursor + 1 + index);
  if (hole === -1) return queued;
  follower.behind = true;
  return queued.slice(0, hole);
}

function reachOf(follower: Follower): number {
  return follower.queued.at(-1)?.seq ?? follower.cursor;
}

function register<Key, Value>(map: Map<Key, Set<Value>>, key: Key, value: Value): () => void {
  const values = map.get(key) ?? new Set();
  map.set(key, values.add(value));
  return () => {
    values.delete(value);
    if (values.size === 0 && map.get(key) === values) map.delete(key);
  };
}
