import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import {
  type Counted,
  type LimitsByScope,
  type Log,
  type ModelRef,
  PRIORITY_KEYS,
  providerOf,
  type RunPriority,
} from '../contract/index.ts';
import { shortId } from './call-events.ts';
import type { Database } from './database.ts';
import { called } from './functions.ts';
import { createLimitReadings, type LimitReadings } from './limit-readings.ts';
import { type Retrying, retryOutage } from './outage.ts';
import { createQueueClocks } from './queue-clocks.ts';
import { storableJson } from './storable-json.ts';
import type { TicketHolder } from './ticket-holder.ts';

/** A call that wants to be made, and what it is expected to use. */
export interface TicketRequest {
  /** the call key: an attempt after one that was lost has its place in the queue */
  key: string;
  model: ModelRef;
  /** those of its provider and of its model, by scope; one that has none is `undefined` */
  limits: LimitsByScope;
  priority: RunPriority;
  tenant?: string;
  /** tokens, estimated */
  input: number;
  /** most the answer may have; left out, what answers of the model had of late */
  output?: number;
  /** most of that there can be room for */
  mostOutput?: number;
}

/** For what a call waits: so many calls of the scope are ahead of it. */
export interface LimitWait {
  scope: string;
  limit: Counted | 'concurrent';
  ahead: number;
  /** ms, as far as can be said */
  waitMs: number;
}

/** A place among the calls of a provider, until it ends in one of three ways. */
export interface Ticket {
  /** undefined where there was room at once */
  wait?: LimitWait;
  /** ms that it has waited before it was taken now */
  waitedMs: number;
  /** Resolves once the call may be made. @throws the reason of the signal */
  admitted(signal: AbortSignal): Promise<void>;
  /** The call was made. @param used `arrivedAt`: when it had reached the provider at the latest, by `performance.now()`; tokens left out
   *  are those expected; `isTypical`: its answer was as long as it wanted */
  used(used: { arrivedAt: number; input?: number; output?: number; isTypical?: boolean }): void;
  /** It is not made. */
  leave(): void;
  /** It will be made later: whoever comes back within so long has the place. */
  park(ms: number): void;
}

/** What may be asked of providers, shared by all processes on the database. */
export interface Limits extends LimitReadings {
  /** Takes room for a call, or a place in the queue: by priority, then in turns of tenants, then in the order they came. */
  take(request: TicketRequest): Promise<Ticket>;
}

export interface LimitsHere extends Limits {
  /** a notification of `cadenza_limits` */
  onNotification(payload: string): void;
  /** Takes all places anew: notifications, or what a crash of the database took, may be lost. */
  refetchAll(): void;
  close(withinMs: number): Promise<void>;
}

type Taken = { waitedMs: number } & ({ state: 'admitted' } | ({ state: 'waiting'; nextMs: number | null } & LimitWait));

type End =
  | { used: { arrivedMs: number; input?: number; output?: number; expected: boolean } }
  | { left: true }
  | { parkedMs: number };

interface Waiter {
  admit(): void;
  takeAgain(): void;
}

export function createLimits(db: Kysely<Database>, holder: TicketHolder, log: Log, waiting: Retrying): LimitsHere {
  const waiters = new Map<string, Waiter>();
  const clocks = createQueueClocks(lookAt);
  let ends: (End & { key: string; ask: string; provider: string; at: number })[] = [];
  let flushing: Promise<void> | undefined;

  function admit(shortKeys: string[]): void {
    for (const key of shortKeys) waiters.get(key)?.admit();
  }

  /** Admits whom time has made room for. @returns ms until there may be more */
  async function lookAt(provider: string): Promise<number | undefined> {
    const { rows } = await sql<{ next: { nextMs: number | null; admitted: string[] } }>`
      select ${called('next_tickets')}(${provider}, ${holder.name}) as next`.execute(db);
    const { nextMs, admitted } = rows[0]!.next;
    admit(admitted);
    return nextMs ?? undefined;
  }

  async function take(request: TicketRequest): Promise<Ticket> {
    const { key, model, limits, priority, tenant = '', input, output, mostOutput } = request;
    const provider = providerOf(model);
    const ask = randomUUID();
    const parameter = {
      ...{ key, ask, provider, model, limits, tenant, input, output, mostOutput },
      ...{ priority: PRIORITY_KEYS[priority], holder: holder.name, leaseMs: holder.leaseMs },
    };
    const room = Promise.withResolvers<void>();
    const stopHolding = holder.hold();
    // Before it is asked for: the notification may be here before the answer.
    const waiter = { admit: room.resolve, takeAgain };
    waiters.set(shortId(key), waiter);

    async function taken(): Promise<Taken> {
      const given = storableJson(parameter);
      const query = sql<{ taken: Taken }>`select ${called('take_ticket')}(${given}::jsonb) as taken`;
      const { rows } = await retryOutage('limits.take', () => query.execute(db), waiting);
      return rows[0]!.taken;
    }

    function takeAgain(): void {
      taken().then(
        (again) => again.state === 'admitted' && room.resolve(),
        (error) => log.warn({ error: String(error) }, 'A place in the queue of a provider could not be taken again'),
      );
    }

    function forget(): void {
      if (waiters.get(shortId(key)) === waiter) waiters.delete(shortId(key));
    }

    let ended = false;
    function end(how: End): void {
      if (ended) return;
      ended = true;
      forget();
      stopHolding();
      ends.push({ ...how, key, ask, provider, at: performance.now() });
      flushing ??= flush();
    }

    let first: Taken;
    try {
      first = await taken();
    } catch (error) {
      end({ left: true });
      throw error;
    }
    if (first.state === 'admitted') forget();
    const stopClock = first.state === 'admitted' ? () => {} : clocks.watch(provider, first.nextMs ?? undefined);
    return {
      waitedMs: first.waitedMs,
      wait: first.state === 'admitted' ? undefined : first,
      async admitted(signal) {
        if (first.state === 'admitted') return;
        const aborted = Promise.withResolvers<never>();
        const onAbort = () => aborted.reject(signal.reason);
        if (signal.aborted) onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        try {
          await Promise.race([room.promise, aborted.promise]);
        } finally {
          signal.removeEventListener('abort', onAbort);
          stopClock();
          forget();
        }
      },
      used({ arrivedAt, input: used, output: had, isTypical = false }) {
        const arrivedMs = Math.max(0, performance.now() - arrivedAt);
        end({ used: { arrivedMs, input: used, output: had, expected: isTypical } });
      },
      leave() {
        stopClock();
        end({ left: true });
      },
      park(ms) {
        stopClock();
        end({ parkedMs: ms });
      },
    };
  }

  /** Those that gather meanwhile go with the next statement. */
  async function flush(): Promise<void> {
    await Promise.resolve();
    while (ends.length > 0) {
      const now = performance.now();
      const batch = ends.map(({ at, ...end }) =>
        'used' in end ? { ...end, used: { ...end.used, arrivedMs: end.used.arrivedMs + now - at } } : end,
      );
      ends = [];
      const query = sql`select ${called('end_tickets')}(${storableJson(batch)}::jsonb)`;
      // What cannot be told ends with the lease of this process.
      await retryOutage('limits.end', () => query.execute(db), waiting).catch((error) =>
        log.warn({ error: String(error) }, 'The ends of calls could not be told to the limits'),
      );
    }
    flushing = undefined;
  }

  holder.onLapse(refetchAll);

  function refetchAll(): void {
    for (const { takeAgain } of waiters.values()) takeAgain();
  }

  return {
    take,
    ...createLimitReadings(db),
    onNotification: (payload) => admit(payload.split(' ')),
    refetchAll,
    async close(withinMs) {
      clocks.close();
      const late = AbortSignal.timeout(withinMs);
      await Promise.race([flushing, new Promise((resolve) => late.addEventListener('abort', resolve, { once: true }))]);
    },
  };
}
