-- what tools were asked to do: a call that may not be repeated is never made twice
create table tool_calls (
  key text primary key,
  chain text not null,
  step text not null,
  tool text not null,
  -- waiting: it goes on elsewhere, or a person is asked. interrupted: a crash hid what became of it
  state text not null check (state in ('open', 'waiting', 'finished', 'interrupted')),
  -- the attempt that is at it
  holder text not null,
  attempts integer not null default 1,
  outcome jsonb,
  -- what a call that waits is resumed with
  unfinished jsonb,
  started_at timestamptz(3) not null default clock_timestamp(),
  ended_at timestamptz(3)
);
create index tool_calls_by_run on tool_calls (chain, started_at);

-- files of a run; their bytes are blobs
create table run_files (
  chain text not null,
  name text not null,
  hash text not null,
  size integer not null,
  media_type text not null,
  at timestamptz not null default now(),
  primary key (chain, name)
);
create index run_files_by_hash on run_files (hash);
