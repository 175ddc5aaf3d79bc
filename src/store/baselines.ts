import { type Kysely, sql } from 'kysely';
import { Baseline } from '../contract/index.ts';
import type { Database } from './database.ts';
import { storableJson } from './storable-json.ts';

/** Results of evaluations that later ones are held against. */
export interface Baselines {
  /** Keeps one under a name, instead of what had the name. @param tenant whose; left out, nobody's */
  save(name: string, baseline: Baseline, tenant?: string): Promise<void>;
  find(name: string, tenant?: string): Promise<Baseline | undefined>;
  /** Newest first. */
  list(tenant?: string): Promise<{ name: string; evaluation: string; savedAt: string }[]>;
  /** @returns false where there was none */
  remove(name: string, tenant?: string): Promise<boolean>;
}

export function createBaselines(db: Kysely<Database>): Baselines {
  const named = (name: string, tenant: string) =>
    db.selectFrom('baselines').select('baseline').where('tenant', '=', tenant).where('name', '=', name);
  return {
    async save(name, baseline, tenant = '') {
      const row = { baseline: storableJson(baseline), saved_at: new Date() };
      await db
        .insertInto('baselines')
        .values({ tenant, name, ...row })
        .onConflict((conflict) => conflict.columns(['tenant', 'name']).doUpdateSet(row))
        .execute();
    },
    async find(name, tenant = '') {
      const row = await named(name, tenant).executeTakeFirst();
      return row && Baseline.parse(row.baseline);
    },
    async list(tenant = '') {
      const rows = await db
        .selectFrom('baselines')
        .select(['name', 'saved_at', sql<string>`baseline->>'evaluation'`.as('evaluation')])
        .where('tenant', '=', tenant)
        .orderBy('saved_at', 'desc')
        .execute();
      return rows.map(({ name, evaluation, saved_at }) => ({ name, evaluation, savedAt: saved_at.toISOString() }));
    },
    async remove(name, tenant = '') {
      const { numDeletedRows } = await db
        .deleteFrom('baselines')
        .where('tenant', '=', tenant)
        .where('name', '=', name)
        .executeTakeFirst();
      return numDeletedRows > 0n;
    },
  };
}
