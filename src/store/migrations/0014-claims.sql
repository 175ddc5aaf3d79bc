-- Ids given to runs that begin before Temporal knows them: the first to claim one begins it. For as long as that may take.
create table claims (
  id text primary key,
  chain text not null,
  at timestamptz not null default now()
);
