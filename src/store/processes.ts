import { type Kysely, sql } from 'kysely';
import type { Database } from './database.ts';

/** Why a process is asked to let go of a run: a person cancelled it, or it is nobody's any more. */
export type StopReason = 'cancelled' | 'lost';

/** The processes on one database, as they know each other: each holds an advisory lock for as long as it is connected. */
export interface Processes {
  /** the name of this one */
  self: string;
  /** False once its connection is gone, which it may be for a moment while the database restarts. */
  isThere(name: string): Promise<boolean>;
  /** Tells whoever has begun the run to stop it. */
  stop(id: string, reason: StopReason): Promise<void>;
  /** @returns ends it */
  onStop(listener: (id: string, reason: StopReason) => void): () => void;
}

export interface ProcessesHere extends Processes {
  /** what a process says of itself on the connection that it holds */
  claim: string;
  /** a notification of `cadenza_stops` */
  onNotification(payload: string): void;
}

export function createProcesses(db: Kysely<Database>, self: string): ProcessesHere {
  const listeners = new Set<(id: string, reason: StopReason) => void>();
  return {
    self,
    claim: `select pg_try_advisory_lock(hashtextextended('${self}', 0)) as claimed`,
    async isThere(name) {
      // a shared lock that this statement gives back: askers are not in each other's way
      const free = sql<{
        free: boolean;
      }>`select pg_try_advisory_xact_lock_shared(hashtextextended(${name}, 0)) as free`;
      const { rows } = await free.execute(db);
      return !rows[0]!.free;
    },
    async stop(id, reason) {
      await sql`select pg_notify('cadenza_stops', ${`${reason} ${id}`})`.execute(db);
    },
    onStop(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onNotification(payload) {
      const [reason, ...id] = payload.split(' ');
      for (const listener of listeners) listener(id.join(' '), reason as StopReason);
    },
  };
}
