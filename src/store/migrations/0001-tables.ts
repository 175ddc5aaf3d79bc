import { type Kysely, sql } from 'kysely';

/** Money is numeric with 12 decimals: a single token of a cheap model costs 0.00000005 USD. */
const TABLES = `
create table runs (
  chain text primary key,
  id text not null,
  pattern text not null,
  tenant text,
  -- the API key it was started with, by name
  key_name text,
  metadata jsonb,
  budget_usd numeric(24, 12),
  status text not null default 'running' check (status in ('running', 'completed', 'failed', 'cancelled')),
  seq bigint not null default 0,
  started_at timestamptz(3) not null,
  ended_at timestamptz(3),
  error jsonb,
  models text[] not null default '{}',
  calls integer not null default 0,
  cost_usd numeric(24, 12) not null default 0,
  unpriced integer not null default 0
) with (fillfactor = 70);
create index runs_by_id on runs (id, started_at desc, chain desc);
create index runs_by_start on runs (started_at desc, chain desc);
create index runs_by_tenant on runs (tenant, started_at desc, chain desc);
create index runs_by_pattern on runs (pattern, started_at desc, chain desc);

create table events (
  chain text not null,
  seq bigint not null,
  at timestamptz(3) not null,
  type text not null,
  step text,
  call text,
  epoch integer,
  key text,
  data jsonb not null,
  primary key (chain, seq)
);
create unique index events_by_key on events (chain, key) where key is not null;
create index events_of_timeline on events (chain, seq)
  where type in ('step.started', 'step.completed', 'call.retrying', 'call.fallback');

create table writers (
  id text primary key,
  batch bigint not null default 0,
  results jsonb,
  at timestamptz not null default now()
) with (fillfactor = 50);
create index writers_by_time on writers (at);

create table calls (
  key text primary key,
  chain text not null,
  step text not null,
  model text not null,
  state text not null check (state in ('open', 'retrying', 'failed', 'finished')),
  epoch integer not null,
  failures integer not null default 0,
  mid_stream_failures integer not null default 0,
  holder text,
  reply jsonb,
  error jsonb,
  cached boolean not null default false,
  started_at timestamptz(3) not null,
  ended_at timestamptz(3)
);
create index calls_by_run on calls (chain, started_at);

create table ledger (
  key text primary key,
  n bigint generated always as identity,
  chain text not null,
  tenant text,
  key_name text,
  step text not null,
  model text not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cached_input_tokens bigint,
  cache_write_tokens bigint,
  reasoning_tokens bigint,
  cost_usd numeric(24, 12),
  cached boolean not null,
  at timestamptz(3) not null
);
create index ledger_by_run on ledger (chain, n);
create index ledger_by_tenant on ledger (tenant);
create index ledger_by_key_name on ledger (key_name) where key_name is not null;

create table accounts (
  id text primary key,
  budget_usd numeric(24, 12),
  spent_usd numeric(24, 12) not null default 0,
  reserved_usd numeric(24, 12) not null default 0,
  warned boolean not null default false
) with (fillfactor = 50);

create table reservations (
  call_key text primary key,
  chain text not null,
  amount numeric(24, 12) not null,
  accounts text[] not null,
  at timestamptz not null default now()
);
create index reservations_by_run on reservations (chain);
create index reservations_by_time on reservations (at);

create table cache (
  tenant text not null,
  request_hash text not null,
  model text not null,
  reply jsonb not null,
  cost_usd numeric(24, 12),
  expires_at timestamptz not null,
  primary key (tenant, request_hash, model)
);
create index cache_by_expiry on cache (expires_at);

create table flights (
  tenant text not null,
  request_hash text not null,
  model text not null,
  holder text not null,
  lease_until timestamptz not null,
  failed_error jsonb,
  failed_at timestamptz(3),
  primary key (tenant, request_hash, model)
);
create index flights_by_lease on flights (lease_until);

create table blobs (
  hash text primary key,
  bytes bytea not null,
  created_at timestamptz not null default now()
);
`;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(TABLES).execute(db);
}
