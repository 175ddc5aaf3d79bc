import { type Kysely, sql } from 'kysely';
import { type ModelRef, type Votes as TalliedVotes, withoutUndefined } from '../contract/index.ts';
import type { Database } from './database.ts';

/** Which answer of a run people found best: kept with the run, and forgotten with it. */
export interface Votes {
  of(chain: string, voter?: string): Promise<TalliedVotes>;
  /** One vote a voter, where there are no keys one in all; null takes it back. */
  cast(chain: string, best: ModelRef | null, voter?: string): Promise<void>;
  /** Comparisons that have ended, and the one answer that has most votes; newest first. */
  recent(query: { hours: number; limit: number; tenant?: string }): Promise<{ id: string; best: ModelRef }[]>;
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
    async recent({ hours, limit, tenant }) {
      const { rows } = await sql<{ id: string; best: ModelRef }>`
        select r.id, v.best
        from runs r
        cross join lateral (
          select best, count(*) as n, lead(count(*)) over (order by count(*) desc) as next
          from jsonb_each_text(r.votes) as cast_votes(voter, best)
          group by best order by n desc limit 1
        ) v
        where r.pattern = 'compare' and r.status = 'completed' and r.votes is not null
          and v.n > coalesce(v.next, 0)
          and (${tenant ?? null}::text is null or r.tenant = ${tenant ?? null})
          and r.started_at > now() - make_interval(secs => ${hours * 3_600})
        order by r.started_at desc limit ${limit}`.execute(db);
      return rows;
    },
  };
}
