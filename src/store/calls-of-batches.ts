import { type Kysely, type Selectable, sql } from 'kysely';
import type { BatchedCall, CallError } from '../contract/index.ts';
import type { Database } from './database.ts';
import type { Sealing } from './sealing.ts';
import { storableJson } from './storable-json.ts';

export interface WaitingCall extends BatchedCall {
  key: string;
  epoch: number;
  /** '' where no equal call's answer is this one's */
  sharedAs: string;
  provider: string;
  /** what only calls of one batch share, beside provider and model: the endpoint */
  lane: string;
  /** of the request, about */
  bytes: number;
}

/** Where a call stands. `waiting`, `batched`: its answer is to come; `returned`: it is to be asked by itself. */
export type BatchStanding =
  | { state: 'none' | 'answered' | 'returned' }
  /** @property sinceMs how long it has waited @property calls how many the batch holds, once it is made up */
  | { state: 'waiting' | 'batched'; sinceMs: number; provider: string; calls?: number; remoteId?: string }
  | { state: 'failed'; error: CallError };

export interface CallOfBatch extends BatchedCall {
  key: string;
  epoch: number;
  n: number;
  /** ms since it began to wait */
  sinceMs: number;
}

/** Calls that wait for batches of their providers. */
export interface CallsOfBatches {
  /** @param equal a call that asks the same for the same tenant is waited for too */
  standing(key: string, equal?: { tenant: string; sharedAs: string; model: string }): Promise<BatchStanding>;
  /** Lets a call wait; one that does already goes on. */
  add(call: WaitingCall): Promise<void>;
  /** The error of a call that failed, once: asked again, it is asked by itself. */
  takeFailure(key: string): Promise<void>;
  /** Calls of a batch that have no end yet, those with the numbers, or from one on, in order. */
  open(id: string, which: number[] | { after: number; limit: number }): Promise<CallOfBatch[]>;
  /** What was needed to ask and to answer it goes. */
  end(key: string, state: 'answered' | 'returned' | 'failed' | 'dropped', error?: CallError): Promise<void>;
}

export function createCallsOfBatches(db: Kysely<Database>, { whole, fields, keyed }: Sealing): CallsOfBatches {
  /** As calls are known here; those from before texts were sealed, by their own key. */
  const names = (key: string) => [...new Set([keyed(key), key])];

  return {
    async standing(key, equal) {
      const { rows } = await sql<Standing>`
        select c.key, c.state, c.error, c.provider, b.calls, b.remote_id as "remoteId",
          extract(epoch from now() - c.added_at) * 1000 as "sinceMs"
        from batch_calls c left join batches b on b.id = c.batch
        where c.key = any (${names(key)}::text[]) ${
          equal
            ? sql`or (c.tenant = ${equal.tenant} and c.request_hash = ${keyed(equal.sharedAs)} and c.model = ${equal.model}
                and c.state in ('waiting', 'batched'))`
            : sql``
        }
        order by c.key = any (${names(key)}::text[]) desc limit 1`.execute(db);
      return standingOf(rows[0]);
    },

    async add({ key, epoch, provider, lane, bytes, sharedAs, ...asked }) {
      const { call } = asked;
      const row = {
        epoch,
        provider,
        lane,
        bytes,
        asked: storableJson(whole({ ...asked, key })),
        chain: call.run.chain,
        model: call.model,
      };
      await db
        .insertInto('batch_calls')
        .values({ key: keyed(key), ...row, tenant: call.run.tenant ?? '', request_hash: keyed(sharedAs) })
        .onConflict((conflict) =>
          conflict
            .column('key')
            .doUpdateSet({
              ...{ ...row, state: 'waiting', error: null, batch: null, n: null, ended_at: null, added_at: new Date() },
            })
            .where('batch_calls.state', '=', 'dropped'),
        )
        .execute();
    },

    async takeFailure(key) {
      await db
        .updateTable('batch_calls')
        .set({ state: 'returned' })
        .where('key', 'in', names(key))
        .where('state', '=', 'failed')
        .execute();
    },

    async open(id, which) {
      const open = db
        .selectFrom('batch_calls')
        .select(['key', 'epoch', 'n', 'asked', sql<string>`extract(epoch from now() - added_at) * 1000`.as('since')])
        .where('batch', '=', id)
        .where('state', '=', 'batched')
        .orderBy('n');
      const rows = Array.isArray(which)
        ? await open.where('n', '=', sql<number>`any (${which}::integer[])`).execute()
        : await open.where('n', '>', which.after).limit(which.limit).execute();
      return rows.map(({ key, epoch, n, asked, since }) => ({ key, ...asked!, epoch, n: n!, sinceMs: Number(since) }));
    },

    async end(key, state, error) {
      await db
        .updateTable('batch_calls')
        .set({ state, error: error ? storableJson(fields(error)) : null, asked: null, ended_at: new Date() })
        .where('key', 'in', names(key))
        .where('state', '=', 'batched')
        .execute();
    },
  };
}

type Standing = Pick<Selectable<Database['batch_calls']>, 'state' | 'error' | 'provider'> & {
  calls: number | null;
  remoteId: string | null;
  sinceMs: string;
};

function standingOf(row: Standing | undefined): BatchStanding {
  if (!row || row.state === 'dropped') return { state: 'none' };
  const { state, error, provider, calls, remoteId, sinceMs } = row;
  if (state === 'failed') return { state, error: error! };
  if (state === 'answered' || state === 'returned') return { state };
  return { state, provider, sinceMs: Number(sinceMs), calls: calls ?? undefined, remoteId: remoteId ?? undefined };
}
