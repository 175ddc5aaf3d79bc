import { type Kysely, sql } from 'kysely';

/** A transcript is a list of message hashes that is only ever added to; equal messages are kept once. */
const TABLES = `
create table messages (
  hash text primary key,
  message jsonb not null,
  tokens integer not null
);

create table transcripts (
  id text not null,
  line integer not null,
  hash text not null,
  key text,
  answer jsonb,
  at timestamptz not null default now(),
  primary key (id, line)
);
create unique index transcripts_by_key on transcripts (id, key) where key is not null;
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(TABLES).execute(db);
}
