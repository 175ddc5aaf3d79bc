import { type Kysely, sql } from 'kysely';

/** Approvals are few among the events of a run, and asked for by those who answer them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index events_of_approvals on events (chain, seq)
    where type in ('approval.requested', 'approval.resolved')`.execute(db);
}
