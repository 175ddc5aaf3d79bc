import { type Kysely, sql } from 'kysely';
import { type ModelRef, type Verdict, withoutUndefined } from '../contract/index.ts';
import type { Database } from './database.ts';

/** A past run of `compare`: what the judge said of each model's answer, and what the answer cost. */
export interface JudgedRun {
  id: string;
  chain: string;
  tenant?: string;
  metadata?: Record<string, unknown>;
  /** score 0..1; cost in USD, left out where the answer came from the cache or has no known price */
  models: Record<ModelRef, { score: number; costUsd?: number; firstTokenMs?: number }>;
}

interface Row {
  id: string;
  chain: string;
  tenant: string | null;
  metadata: Record<string, unknown> | null;
  scores: Verdict['scores'];
  paid: { model: ModelRef; costUsd: number | null; firstTokenMs: number | null }[];
}

/** Runs of `compare` with a judge that completed in the last hours, newest first. */
export async function judgedRuns(db: Kysely<Database>, hours: number, limit: number): Promise<JudgedRun[]> {
  const { rows } = await sql<Row>`
    select r.id, r.chain, r.tenant, r.metadata, v.data->'verdict'->'scores' as scores,
      coalesce((
        select jsonb_agg(jsonb_build_object('model', c.model,
          'costUsd', case when c.cached then null else (c.reply->>'costUsd')::float8 end,
          'firstTokenMs', case when c.cached then null else (c.reply->>'firstTokenMs')::float8 end))
        from calls c where c.chain = r.chain and c.state = 'finished' and c.step = c.model
      ), '[]') as paid
    from runs r
    join events v on v.chain = r.chain and v.type = 'verdict' and jsonb_typeof(v.data->'verdict'->'scores') = 'array'
    where r.pattern = 'compare' and r.status = 'completed'
      and r.started_at > now() - make_interval(secs => ${hours * 3_600})
    order by r.started_at desc limit ${limit}`.execute(db);
  return rows.map(({ id, chain, tenant, metadata, scores, paid }) =>
    withoutUndefined({
      id,
      chain,
      tenant: tenant ?? undefined,
      metadata: metadata ?? undefined,
      models: Object.fromEntries(
        scores.map(({ model, score }) => {
          const call = paid.find((other) => other.model === model);
          const figures = { costUsd: call?.costUsd ?? undefined, firstTokenMs: call?.firstTokenMs ?? undefined };
          return [model, withoutUndefined({ score, ...figures })];
        }),
      ),
    }),
  );
}
