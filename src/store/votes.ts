import { type Kysely, sql } from 'kysely';
import { type ModelRef, type Votes as TalliedVotes, withoutUndefined } from '../contract/index.ts';
import type { Database } from './database.ts';

/** Which answer of a run people found best: kept with the run, and forgotten with it. */
export interface Votes {
  of(chain: string, voter?: string): Promise<TalliedVotes>;
  /** One vote a voter, where there are no keys one in all; null takes it back. */
  cast(chain: string, best: ModelRef | null, voter?: string): Promise<void>;
}

export function createVotes(db: Kysely<Database>): Votes {
  return {
    async of(chain, voter = '') {
      const row = await db.selectFrom('runs').select('votes').where('chain', '=', chain).executeTakeFirst();
      const cast = row?.votes ?? {};
      const votes: Record<string, number> = {};
      for (const best of Object.values(cast)) votes[best] = (votes[best] ?? 0) + 1;
      return withoutUndefined({ votes, yours: cast[voter] });
    },
    async cast(chain, best, voter = '') {
      const changed =
        best === null
          ? sql`coalesce(votes, '{}') - ${voter}::text`
          : sql`coalesce(votes, '{}') || jsonb_build_object(${voter}::text, ${best}::text)`;
      await sql`update runs set votes = ${changed} where chain = ${chain}`.execute(db);
    },
  };
}
