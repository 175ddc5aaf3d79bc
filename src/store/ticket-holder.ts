import { type Kysely, sql } from 'kysely';
import type { Log } from '../contract/index.ts';
import type { Database } from './database.ts';

/** So long after a process was last heard of, what it holds of limits and circuits is given up, ms. */
const LEASE_MS = 15_000;
const RENEW_EVERY_MS = 5_000;

/** This process as the holder of tickets and probes, for as long as it has some. */
export interface TicketHolder {
  name: string;
  leaseMs: number;
  /** @returns ends it */
  hold(): () => void;
  /** Told where the lease had run out, though the process is there: others have taken what it held. */
  onLapse(listener: () => void): void;
  close(): void;
}

export function createTicketHolder(db: Kysely<Database>, name: string, log: Log): TicketHolder {
  const listeners: (() => void)[] = [];
  let held = 0;
  let timer: NodeJS.Timeout | undefined;

  async function renew(): Promise<void> {
    const { rows } = await sql<{ held: boolean | null }>`
      with before as (select until > now() as held from limit_holders where holder = ${name}), renewed as (
        insert into limit_holders (holder, until) values (${name}, now() + make_interval(secs => ${LEASE_MS / 1_000}))
        on conflict (holder) do update set until = excluded.until
      )
      select (select held from before) as held`.execute(db);
    if (rows[0]!.held) return;
    for (const tell of listeners) tell();
  }

  function beat(): void {
    renew().catch((error) => log.debug({ error: String(error) }, 'The lease of this process was not renewed'));
  }

  return {
    name,
    leaseMs: LEASE_MS,
    hold() {
      held += 1;
      timer ??= setInterval(beat, RENEW_EVERY_MS).unref();
      let holding = true;
      return () => {
        if (!holding) return;
        holding = false;
        held -= 1;
        if (held > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    onLapse: (listener) => void listeners.push(listener),
    close() {
      clearInterval(timer);
    },
  };
}
