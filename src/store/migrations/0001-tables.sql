-- Money is numeric with 12 decimals: a single token of a cheap model costs 0.00000005 USD.

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
  unpriced integer not null default 0,
  -- chains of the runs it is a step of: what they may need again is kept as long as they are
  above text[] not null default '{}',
  -- how much is forgotten: 1 text as it streamed, 2 events, 3 calls (see retention.ts)
  pruned smallint not null default 0
) with (fillfactor = 70);
create index runs_by_id on runs (id, started_at desc, chain desc);
create index runs_by_start on runs (started_at desc, chain desc);
create index runs_by_tenant on runs (tenant, started_at desc, chain desc);
create index runs_by_status on runs (status, started_at desc, chain desc);
create index runs_to_prune on runs (pruned, ended_at, chain) where status <> 'running';
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

-- approvals are few among the events of a run, and asked for by those who answer them
create index events_of_approvals on events (chain, seq) where type in ('approval.requested', 'approval.resolved');

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
-- for what routers ask: how a model did over the last hours
create index calls_by_model on calls (model, started_at);

-- what every attempt of a call used: one line each
create table ledger (
  key text not null,
  epoch integer not null,
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
  -- null where the price is not known
  cost_usd numeric(24, 12),
  cached boolean not null,
  -- counted by us from what was streamed, not told by the provider
  estimated boolean not null default false,
  at timestamptz(3) not null,
  primary key (key, epoch)
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
  used_at timestamptz not null default now()
);

-- blobs and messages that the history of a run refers to, by its workflow id
create table run_refs (
  run text not null,
  hash text not null,
  primary key (run, hash)
);
create index run_refs_by_hash on run_refs (hash);

-- a transcript is a list of message hashes that is only ever added to; equal messages are kept once
create table messages (
  hash text primary key,
  message jsonb not null,
  tokens integer not null,
  used_at timestamptz not null default now()
);

create table transcripts (
  -- begins with the chain of the conversation
  id text collate "C" not null,
  line integer not null,
  hash text not null,
  key text,
  answer jsonb,
  at timestamptz not null default now(),
  primary key (id, line)
);
create index transcripts_by_hash on transcripts (hash);
create unique index transcripts_by_key on transcripts (id, key) where key is not null;

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

-- rows as they were given: `json` keeps their fields in order, which `jsonb` does not
create table data_rows (
  data_set text not null,
  row integer not null,
  item json not null,
  primary key (data_set, row)
);

create table maps (
  chain text primary key,
  run text not null,
  source text not null,
  definition json not null,
  total integer not null,
  -- rows whose answer is an earlier map's
  taken integer not null,
  done integer not null,
  failed integer not null default 0,
  -- of the rows that were runs of their own
  runs_cost_usd numeric(24, 12) not null default 0,
  opened_at timestamptz not null default now(),
  reported_at timestamptz not null default '-infinity'
) with (fillfactor = 50);
create index maps_by_run on maps (run, opened_at desc);

create table map_rows (
  chain text not null,
  row integer not null,
  -- its place among the rows that wait
  turn integer,
  status text not null check (status in ('waiting', 'done', 'failed')),
  answer json,
  error json,
  primary key (chain, row)
) with (fillfactor = 80);
create index map_rows_by_turn on map_rows (chain, turn);
create index map_rows_failed on map_rows (chain, row) where status = 'failed';
