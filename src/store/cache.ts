import { type Kysely, sql } from 'kysely';
import type { CallError, ModelRef, ModelReply } from '../contract/index.ts';
import { createBell } from './bell.ts';
import type { Database } from './database.ts';
import { type Retrying, retrying, retryOutage } from './outage.ts';
import type { Sealing } from './sealing.ts';
import { storableJson } from './storable-json.ts';

interface Request {
  tenant?: string;
  requestHash: string;
}

/** One model asked one thing: of those who want it at once, one makes the call and the others wait. */
export interface Flight extends Request {
  model: ModelRef;
}

export interface Held extends Flight {
  /** the call key of the one who makes the call */
  holder: string;
}

export type Claim =
  /** make the call, renew the lease while it lasts, and `release` if it fails; finishing it releases by itself */
  | 'yours'
  /** another one made it since, and it failed for good */
  | { failed: CallError; since: Date }
  /** another one is making it, or just has: `wait` */
  | 'taken';

export type Waited = { reply: ModelReply } | { failed: CallError } | 'free';

export interface Cache {
  /** The reply to an equal request of the tenant, of the first of the models that has one which is not too old. */
  find(request: Request & { models: ModelRef[] }): Promise<ModelReply | undefined>;
  /**
   * Becomes the one who makes the call, for `leaseMs` (again, if it is already).
   * @param since a final failure of another holder from then on is adopted instead
   */
  claim(flight: Held & { leaseMs: number; since?: Date }): Promise<Claim>;
  /** Takes a reply out that turned out not to be usable: whoever asks next asks the model. */
  evict(entry: Flight): Promise<void>;
  /** Forgets all replies, of everybody; nobody is making a call. */
  clear(): Promise<void>;
  /** @returns false if the lease ran out and another took over */
  renew(flight: Held & { leaseMs: number }): Promise<boolean>;
  /** @param error the final failure of this model, which those who wait adopt */
  release(flight: Held & { error?: CallError }): Promise<void>;
  /**
   * Waits for what another one's call brings: a reply of any of the models, the final failure of this one at or after
   * `since`, or that nobody makes it any more. @throws the reason of the signal
   */
  wait(flight: Flight & { models: ModelRef[]; since?: Date; signal?: AbortSignal }): Promise<Waited>;
}

/** Tells those who wait for a request's flight that something changed. */
export interface FlightBells {
  ring(requestHash: string): void;
  ringAll(): void;
  /** Calls back at each ring. @returns how to stop it */
  on(requestHash: string, ring: () => void): () => void;
}

/** ms; for what notifications should have said and did not */
const LOOK_EVERY_MS = 1_000;

export function createCache(db: Kysely<Database>, bells: FlightBells, waiting: Retrying, { fields }: Sealing): Cache {
  async function find({ tenant = '', requestHash, models }: Request & { models: ModelRef[] }) {
    const row = await db
      .selectFrom('cache')
      .select('reply')
      .where('tenant', '=', tenant)
      .where('request_hash', '=', requestHash)
      .where('model', 'in', models)
      .where('expires_at', '>', sql<Date>`now()`)
      .orderBy(sql`array_position(${models}::text[], model)`)
      .limit(1)
      .executeTakeFirst();
    return row?.reply;
  }

  /** Undefined while another one's call goes on. */
  async function look(flight: Flight & { models: ModelRef[]; since?: Date }): Promise<Waited | undefined> {
    // before the cache: a flight that ended with a reply has then left it there
    const here = await flightRow(flight)
      .select(['failed_error', sql<boolean>`lease_until > now()`.as('live')])
      .select(sql<boolean>`coalesce(failed_at >= ${flight.since ?? null}::timestamptz, false)`.as('adopted'))
      .executeTakeFirst();
    const reply = await find(flight);
    if (reply) return { reply };
    if (here?.failed_error && here.adopted) return { failed: here.failed_error };
    return here?.live && !here.failed_error ? undefined : 'free';
  }

  const flightRow = ({ tenant = '', requestHash, model }: Flight) =>
    db
      .selectFrom('flights')
      .where('tenant', '=', tenant)
      .where('request_hash', '=', requestHash)
      .where('model', '=', model);

  async function release({ tenant = '', requestHash, model, holder, error }: Held & { error?: CallError }) {
    const mine = sql`tenant = ${tenant} and request_hash = ${requestHash} and model = ${model} and holder = ${holder}`;
    const ended = error
      ? sql`update flights set failed_error = ${storableJson(fields(error))}::jsonb, failed_at = clock_timestamp(), lease_until = now()
            where ${mine} returning request_hash`
      : sql`delete from flights where ${mine} returning request_hash`;
    await sql`with ended as (${ended}) select pg_notify('cadenza_flights', request_hash) from ended`.execute(db);
  }

  async function claim({
    tenant = '',
    requestHash,
    model,
    holder,
    leaseMs,
    since,
  }: Parameters<Cache['claim']>[0]): Promise<Claim> {
    const { rows } = await sql<{ holder: string }>`
      insert into flights as f (tenant, request_hash, model, holder, lease_until)
      values (${tenant}, ${requestHash}, ${model}, ${holder}, ${leaseEnd(leaseMs)})
      on conflict (tenant, request_hash, model) do update set
        holder = excluded.holder, lease_until = excluded.lease_until, failed_error = null, failed_at = null
      where f.holder = excluded.holder
        or (f.failed_error is not null and coalesce(f.failed_at < ${since ?? null}::timestamptz, true))
        or (f.failed_error is null and f.lease_until <= now())
      returning f.holder`.execute(db);
    if (rows.length > 0) {
      // whoever had it until a moment ago left a reply: it is for the taking
      if (!(await find({ tenant, requestHash, models: [model] }))) return 'yours';
      await release({ tenant, requestHash, model, holder });
      return 'taken';
    }
    const other = await flightRow({ tenant, requestHash, model })
      .select(['failed_error', 'failed_at'])
      .executeTakeFirst();
    if (!other?.failed_error || !other.failed_at) return 'taken';
    return { failed: other.failed_error, since: other.failed_at };
  }

  async function evict({ tenant = '', requestHash, model }: Flight) {
    const entry = sql`tenant = ${tenant} and request_hash = ${requestHash} and model = ${model}`;
    await sql`delete from cache where ${entry}`.execute(db);
  }

  return {
    ...retrying('cache', { find, claim, release, evict }, waiting),
    async clear() {
      await sql`truncate cache, flights`.execute(db);
    },
    async renew({ tenant = '', requestHash, model, holder, leaseMs }) {
      const { rows } = await sql`
        update flights set lease_until = ${leaseEnd(leaseMs)}
        where tenant = ${tenant} and request_hash = ${requestHash} and model = ${model} and holder = ${holder}
          and failed_error is null
        returning holder`.execute(db);
      return rows.length > 0;
    },
    async wait(flight) {
      const bell = createBell();
      const stop = bells.on(flight.requestHash, bell.ring);
      try {
        for (;;) {
          flight.signal?.throwIfAborted();
          const seen = await retryOutage('cache.wait', () => look(flight), { ...waiting, signal: flight.signal });
          if (seen !== undefined) return seen;
          await bell.wait({ signal: flight.signal, timeoutMs: LOOK_EVERY_MS });
        }
      } finally {
        stop();
      }
    },
  };
}

const leaseEnd = (leaseMs: number) => sql`now() + make_interval(secs => ${leaseMs / 1_000})`;

export function createFlightBells(): FlightBells {
  const rings = new Map<string, Set<() => void>>();
  return {
    ring(requestHash) {
      for (const ring of rings.get(requestHash) ?? []) ring();
    },
    ringAll() {
      for (const all of rings.values()) for (const ring of all) ring();
    },
    on(requestHash, ring) {
      const all = rings.get(requestHash) ?? new Set();
      rings.set(requestHash, all.add(ring));
      return () => {
        all.delete(ring);
        if (all.size === 0 && rings.get(requestHash) === all) rings.delete(requestHash);
      };
    },
  };
}
