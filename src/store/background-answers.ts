import { type Kysely, sql } from 'kysely';
import type { ModelRef } from '../contract/index.ts';
import type { Database } from './database.ts';
import type { Attempt } from './journaled-calls.ts';
import type { Sealing } from './sealing.ts';

/** Answers that their providers go on with when nobody listens, by call. */
export interface BackgroundAnswers {
  /** The provider's id of the answer to a call, where it goes on with one. */
  find(key: string): Promise<string | undefined>;
  keep(call: Pick<Attempt, 'key' | 'run' | 'model'>, id: string): Promise<void>;
  forget(key: string): Promise<void>;
  /** Answers kept for so long (ms) of calls that have ended, or whose run has. `mark` forgets one. */
  abandoned(ageMs: number): Promise<{ mark: string; model: ModelRef; id: string; ageMs: number }[]>;
  forgetAbandoned(mark: string): Promise<void>;
}

const A_LOOK = 100;

export function createBackgroundAnswers(db: Kysely<Database>, { keyed }: Sealing): BackgroundAnswers {
  const forgetAbandoned = async (key: string) => {
    await db.deleteFrom('background_answers').where('key', '=', key).execute();
  };
  return {
    forgetAbandoned,
    async find(key) {
      const row = await db
        .selectFrom('background_answers')
        .select('id')
        .where('key', '=', keyed(key))
        .executeTakeFirst();
      return row?.id;
    },
    async keep({ key, run: { chain }, model }, id) {
      const row = { chain, model, id, at: new Date() };
      await db
        .insertInto('background_answers')
        .values({ key: keyed(key), ...row })
        .onConflict((conflict) => conflict.column('key').doUpdateSet(row))
        .execute();
    },
    forget: (key) => forgetAbandoned(keyed(key)),
    async abandoned(ageMs) {
      const age = sql<string>`extract(epoch from now() - b.at) * 1000`;
      const rows = await db
        .selectFrom('background_answers as b')
        .leftJoin('runs as r', 'r.chain', 'b.chain')
        .leftJoin('calls as c', 'c.key', 'b.key')
        .select(['b.key as mark', 'b.model', 'b.id', age.as('ageMs')])
        .where('b.at', '<', sql<Date>`now() - make_interval(secs => ${ageMs / 1_000})`)
        .where(sql<boolean>`coalesce(r.status, '') <> 'running' or c.state in ('failed', 'finished')`)
        .orderBy('b.at')
        .limit(A_LOOK)
        .execute();
      return rows.map((row) => ({ ...row, ageMs: Number(row.ageMs) }));
    },
  };
}
