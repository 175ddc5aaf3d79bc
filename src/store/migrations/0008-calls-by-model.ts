import { type Kysely, sql } from 'kysely';

/** For what routers ask: how a model did over the last hours. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index calls_by_model on calls (model, started_at)`.execute(db);
}
