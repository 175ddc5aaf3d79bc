-- API keys. Of a secret only its SHA-256 is kept; a name is never used again, since bills and budgets go by it.
create table api_keys (
  name text primary key,
  hash bytea not null unique,
  -- of the secret before the last rotation
  old_hash bytea unique,
  old_until timestamptz(3),
  label text,
  tenant text,
  role text not null check (role in ('admin', 'operator', 'caller', 'approver')),
  models text[],
  patterns text[],
  requests_per_minute integer,
  created_at timestamptz(3) not null default now(),
  last_used_at timestamptz(3),
  expires_at timestamptz(3),
  revoked_at timestamptz(3)
);
create index api_keys_by_tenant on api_keys (tenant, name);

-- Buckets of requests, one a key, by the time at which they are full again. Unlogged: a crash of the database fills them.
create unlogged table key_rates (
  name text primary key,
  full_at timestamptz not null
) with (fillfactor = 50);

-- Rows that maps go over are a tenant's ('' where there are none): equal data of two tenants is kept twice.
alter table data_sets add column tenant text not null default '';
alter table data_sets drop constraint data_sets_hash_key;
create unique index data_sets_by_hash on data_sets (tenant, hash);
