import { randomBytes } from 'node:crypto';
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import type { CallError } from '../contract/index.ts';
import type { Database } from './database.ts';
import type { Sealing } from './sealing.ts';
import { storableJson } from './storable-json.ts';

/** A batch to be looked after, and nobody else's meanwhile. */
export interface DueBatch {
  id: string;
  provider: string;
  model: string;
  lane: string;
  calls: number;
  state: 'new' | 'sent';
  remoteId?: string;
  maybe: string[];
  /** since it may have reached the provider; ms that is ago */
  sendingAt?: Date;
  sendingForMs?: number;
  /** ms since it was sent, or made where it was not */
  ageMs: number;
  /** the provider was asked to stop it */
  cancelled: boolean;
  /** no run waits for any of its calls */
  abandoned: boolean;
}

/** The batches of providers: who goes on with one finds all it needs here. Their calls: see calls-of-batches.ts. */
export interface Batches {
  /** Whether a provider knows batches; undefined where it is not known (any more). */
  support(provider: string): Promise<boolean | undefined>;
  learn(provider: string, isThere: boolean, forMs: number): Promise<void>;
  /** Calls whose run is over wait no more. Makes batches of those that no other has joined for `gatherMs`, that
   *  waited for `longestMs`, or are enough.
   *  @returns how many batches */
  gather(limits: { gatherMs: number; longestMs: number; most: number; mostBytes: number }): Promise<number>;
  /** Batches whose time has come, each for one process at a time: while it renews its lease. */
  claim(leaseMs: number): Promise<DueBatch[]>;
  /** @returns false where it is somebody else's by now */
  renew(id: string, leaseMs: number): Promise<boolean>;
  /** Lets go of a batch until it is to be looked at again. */
  release(id: string, againMs: number): Promise<void>;
  /** From now on the batch may be at the provider. @returns false where it is somebody else's by now */
  sending(id: string): Promise<boolean>;
  /** The batch did not reach the provider: it is as if it had not been sent. */
  unsent(id: string): Promise<void>;
  /** Batches of the provider that may be this one. */
  maybe(id: string, remoteIds: string[]): Promise<void>;
  /** Those of the provider's ids that are known batches. */
  known(remoteIds: string[]): Promise<Set<string>>;
  sent(id: string, remoteId: string): Promise<void>;
  cancelled(id: string): Promise<void>;
  ended(id: string, error?: CallError): Promise<void>;
}

/** Any number that other programs on the same database do not use. */
const ADVISORY_LOCK = 4_100_727_303;
const BATCHES_A_CLAIM = 20;

export function createBatches(db: Kysely<Database>, holder: string, { fields }: Sealing): Batches {
  const mine = (id: string) => db.updateTable('batches').where('id', '=', id).where('holder', '=', holder);

  return {
    async support(provider) {
      const row = await db
        .selectFrom('batch_support')
        .select('is_there')
        .where('provider', '=', provider)
        .where('known_until', '>', sql<Date>`now()`)
        .executeTakeFirst();
      return row?.is_there;
    },

    async learn(provider, isThere, forMs) {
      const known = { is_there: isThere, known_until: sql<Date>`now() + make_interval(secs => ${forMs / 1_000})` };
      await db
        .insertInto('batch_support')
        .values({ provider, ...known })
        .onConflict((conflict) => conflict.column('provider').doUpdateSet(known))
        .execute();
    },

    async gather({ gatherMs, longestMs, most, mostBytes }) {
      // most looks find nothing
      const waiting = await db
        .selectFrom('batch_calls')
        .select(['provider', 'model', 'lane'])
        .where('state', '=', sql<'waiting'>`'waiting'`)
        .groupBy(['provider', 'model', 'lane'])
        .having(
          sql<boolean>`max(added_at) < now() - make_interval(secs => ${gatherMs / 1_000}) or count(*) >= ${most}
            or min(added_at) < now() - make_interval(secs => ${longestMs / 1_000}) or sum(bytes) >= ${mostBytes}`,
        )
        .execute();
      if (waiting.length === 0) return 0;
      return db.transaction().execute(async (trx) => {
        const { rows } = await sql<{
          mine: boolean;
        }>`select pg_try_advisory_xact_lock(${ADVISORY_LOCK}) as mine`.execute(trx);
        if (!rows[0]!.mine) return 0;
        await sql`update batch_calls c set state = 'dropped', ended_at = now(), asked = null
          where state = 'waiting' and exists (select from runs r where r.chain = c.chain and r.status <> 'running')`.execute(
          trx,
        );
        let made = 0;
        for (const group of waiting) made += await makeBatch(trx, group, most, mostBytes);
        return made;
      });
    },

    async claim(leaseMs) {
      const { rows } = await sql<Claimed>`
        with due as (
          select id from batches
          where state in ('new', 'sent') and look_at <= now() and (lease_until is null or lease_until < now())
          order by look_at limit ${BATCHES_A_CLAIM} for update skip locked
        )
        update batches b set holder = ${holder}, lease_until = now() + make_interval(secs => ${leaseMs / 1_000})
        from due where b.id = due.id
        returning b.id, b.provider, b.model, b.lane, b.calls, b.state, b.remote_id as "remoteId", b.maybe,
          b.sending_at as "sendingAt", extract(epoch from now() - b.sending_at) * 1000 as "sendingForMs",
          extract(epoch from now() - coalesce(b.sent_at, b.made_at)) * 1000 as "ageMs", b.cancelled,
          not exists (select from batch_calls c join runs r on r.chain = c.chain
            where c.batch = b.id and c.state = 'batched' and r.status = 'running') as abandoned`.execute(db);
      return rows.map(({ remoteId, sendingAt, sendingForMs, ageMs, ...row }) => ({
        ...row,
        remoteId: remoteId ?? undefined,
        sendingAt: sendingAt ?? undefined,
        sendingForMs: sendingForMs === null ? undefined : Number(sendingForMs),
        ageMs: Number(ageMs),
      }));
    },

    async renew(id, leaseMs) {
      const lease_until = sql<Date>`now() + make_interval(secs => ${leaseMs / 1_000})`;
      const { numUpdatedRows } = await mine(id).set({ lease_until }).executeTakeFirst();
      return numUpdatedRows > 0;
    },

    async release(id, againMs) {
      const look_at = sql<Date>`now() + make_interval(secs => ${againMs / 1_000})`;
      await mine(id).set({ holder: null, lease_until: null, look_at }).execute();
    },

    async sending(id) {
      const { numUpdatedRows } = await mine(id)
        .where('lease_until', '>', sql<Date>`now()`)
        .set({ sending_at: sql<Date>`now()` })
        .executeTakeFirst();
      return numUpdatedRows > 0;
    },

    async unsent(id) {
      await mine(id).set({ sending_at: null, maybe: [] }).execute();
    },

    async maybe(id, remoteIds) {
      await mine(id).set({ maybe: remoteIds }).execute();
    },

    async known(remoteIds) {
      const found = await db
        .selectFrom('batches')
        .select('remote_id')
        .where('remote_id', '=', sql<string>`any (${remoteIds}::text[])`)
        .execute();
      return new Set(found.map(({ remote_id }) => remote_id!));
    },

    async sent(id, remoteId) {
      await db
        .updateTable('batches')
        .set({ state: 'sent', remote_id: remoteId, maybe: [], sent_at: sql<Date>`coalesce(sending_at, now())` })
        .where('id', '=', id)
        .execute();
    },

    async cancelled(id) {
      await db.updateTable('batches').set({ cancelled: true }).where('id', '=', id).execute();
    },

    async ended(id, error) {
      const end = { state: 'ended' as const, ended_at: new Date(), holder: null, lease_until: null };
      await db
        .updateTable('batches')
        .set({ ...end, error: error ? storableJson(fields(error)) : null })
        .where('id', '=', id)
        .execute();
    },
  };
}

type Claimed = Omit<DueBatch, 'remoteId' | 'sendingAt' | 'sendingForMs' | 'ageMs'> & {
  remoteId: string | null;
  sendingAt: Date | null;
  sendingForMs: string | null;
  ageMs: string;
};

/** The calls that have waited longest, as many as a batch may hold. @returns how many batches: one, or none where nobody waits */
async function makeBatch(
  trx: Transaction<Database>,
  { provider, model, lane }: Pick<Selectable<Database['batches']>, 'provider' | 'model' | 'lane'>,
  most: number,
  mostBytes: number,
): Promise<number> {
  const rows = await trx
    .selectFrom('batch_calls')
    .select(['key', 'bytes'])
    .where('state', '=', sql<'waiting'>`'waiting'`)
    .where('provider', '=', provider)
    .where('model', '=', model)
    .where('lane', '=', lane)
    .orderBy('added_at')
    .orderBy('key')
    .limit(most)
    .forUpdate()
    .execute();
  let bytes = 0;
  const keys = rows.flatMap((row, index) => {
    bytes += row.bytes;
    return index === 0 || bytes <= mostBytes ? [row.key] : [];
  });
  if (keys.length === 0) return 0;
  const id = randomBytes(12).toString('hex');
  await trx.insertInto('batches').values({ id, provider, model, lane, calls: keys.length }).execute();
  await sql`update batch_calls c set state = 'batched', batch = ${id}, n = k.n
    from unnest(${keys}::text[]) with ordinality k(key, n) where c.key = k.key`.execute(trx);
  return 1;
}
