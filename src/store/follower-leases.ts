import { setTimeout as delay } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import type { Log } from '../contract/index.ts';
import type { Database } from './database.ts';
import { retryOutage } from './outage.ts';

/** The runs that readers of this process follow, as the writers of other processes know them. */
export interface FollowerLeases {
  hold(chain: string): void;
  drop(chain: string): void;
  /** The database may have forgotten them. */
  holdAnew(): void;
}

/** How a run stands once its followers are known. */
export interface Standing {
  chain: string;
  seq: number;
  status: string;
}

/** A process that dies is notified in vain for so long, ms. */
const LEASE_MS = 60_000;
const RENEW_EVERY_MS = 20_000;

/**
 * Tells the database which runs are followed here. What was written of a run before its writer could know is not notified
 * of: so once a lease stands, the run is looked at under a lock that its writers hold until they commit. Whoever writes
 * after that look sees the lease.
 * @param onHeld told where the runs stand that are notified of from now on
 */
export function createFollowerLeases(
  db: Kysely<Database>,
  origin: string,
  onHeld: (runs: Standing[]) => void,
  { log, signal }: { log: Log; signal: AbortSignal },
): FollowerLeases {
  const wanted = new Set<string>();
  const held = new Set<string>();
  let settling = false;
  let renewing = false;
  const retried = <Value>(work: () => Promise<Value>) =>
    retryOutage('events.lease', work, { log, signal, patienceMs: Number.POSITIVE_INFINITY });

  /** One statement for all that begin, and one for all that end, meanwhile. */
  async function settle(): Promise<void> {
    if (settling) return;
    settling = true;
    try {
      // those of the same turn of the event loop come along
      await Promise.resolve();
      for (;;) {
        const begun = [...wanted].filter((chain) => !held.has(chain));
        const ended = [...held].filter((chain) => !wanted.has(chain));
        if (signal.aborted || begun.length + ended.length === 0) return;
        for (const chain of begun) held.add(chain);
        for (const chain of ended) held.delete(chain);
        if (ended.length > 0) await retried(() => forget(ended));
        if (begun.length === 0) continue;
        await retried(() => lease(begun));
        onHeld(await retried(() => standing(begun)));
        void renew();
      }
    } catch (error) {
      held.clear();
      if (!signal.aborted)
        log.warn({ error: String(error) }, 'Readers are not known to other processes: they look by themselves');
    } finally {
      settling = false;
    }
  }

  async function renew(): Promise<void> {
    if (renewing) return;
    renewing = true;
    while (held.size > 0 && !signal.aborted) {
      await delay(RENEW_EVERY_MS, undefined, { ref: false, signal }).catch(() => {});
      if (held.size === 0 || signal.aborted) continue;
      await lease([...held]).catch(() => {});
      await sql`delete from followers where until < now()`.execute(db).catch(() => {});
    }
    renewing = false;
  }

  async function lease(chains: string[]): Promise<void> {
    await sql`insert into followers (chain, origin, until)
      select chain, ${origin}, now() + make_interval(secs => ${LEASE_MS / 1_000}) from unnest(${chains}::text[]) chain
      on conflict (chain, origin) do update set until = excluded.until`.execute(db);
  }

  async function forget(chains: string[]): Promise<void> {
    await sql`delete from followers where origin = ${origin} and chain = any (${chains})`.execute(db);
  }

  /** In the order of all who lock runs. */
  async function standing(chains: string[]): Promise<Standing[]> {
    const { rows } = await sql<Standing>`select chain, seq, status from runs where chain = any (${chains})
      order by chain collate "C" for share`.execute(db);
    return rows;
  }

  return {
    hold(chain) {
      wanted.add(chain);
      void settle();
    },
    drop(chain) {
      wanted.delete(chain);
      void settle();
    },
    holdAnew() {
      held.clear();
      void settle();
    },
  };
}
