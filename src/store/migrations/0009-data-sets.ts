import { type Kysely, sql } from 'kysely';

/** Rows as they were given: `json` keeps their fields in order, which `jsonb` does not. */
const TABLES = `
create table data_sets (
  id text primary key,
  -- null until all rows are there
  count integer,
  fields text[],
  -- of the rows; equal data is kept once
  hash text unique,
  -- the rows are the results of this map
  map text,
  created_at timestamptz not null default now()
);
create index data_sets_unfinished on data_sets (created_at) where count is null;

create table data_rows (
  data_set text not null,
  row integer not null,
  item json not null,
  primary key (data_set, row)
);
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(TABLES).execute(db);
}
