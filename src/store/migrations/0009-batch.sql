-- Calls that wait for a batch of their provider. `asked` is what is needed to ask, and to end the attempt with what comes of it: it goes
-- once that is done. States: waiting (for others to share a batch), batched, answered (the journal has it), returned (to be
-- asked by itself), failed (with an error whose call has not heard of it yet), dropped (its run ended before it was sent).
create table batch_calls (
  key text primary key,
  chain text not null,
  epoch integer not null,
  provider text not null,
  model text not null,
  lane text not null,
  tenant text not null,
  request_hash text not null,
  asked jsonb,
  bytes integer not null,
  state text not null default 'waiting',
  error jsonb,
  batch text,
  n integer,
  added_at timestamptz not null default now(),
  ended_at timestamptz
);
create index batch_calls_waiting on batch_calls (provider, model, lane, added_at) where state = 'waiting';
create index batch_calls_of_batch on batch_calls (batch, n) where batch is not null;
create index batch_calls_equal on batch_calls (tenant, request_hash, model) where state in ('waiting', 'batched');
create index batch_calls_of_run on batch_calls (chain);

-- A batch has its calls before it is sent, so that whoever goes on with it sends the same ones. `sending_at`: since then it may have reached
-- the provider. `maybe`: batches there that may be this one. `look_at`: when it is next to be looked after, by one worker
-- at a time (`holder`).
create table batches (
  id text primary key,
  provider text not null,
  model text not null,
  lane text not null,
  calls integer not null,
  state text not null default 'new',
  remote_id text,
  maybe text[] not null default '{}',
  sending_at timestamptz,
  sent_at timestamptz,
  ended_at timestamptz,
  cancelled boolean not null default false,
  error jsonb,
  look_at timestamptz not null default now(),
  holder text,
  lease_until timestamptz,
  made_at timestamptz not null default now()
);
create index batches_open on batches (look_at) where state in ('new', 'sent');

-- Whether a provider's address knows batches, as it was found out.
create table batch_support (provider text primary key, is_there boolean not null, known_until timestamptz not null);

alter table ledger add column batch boolean not null default false;
