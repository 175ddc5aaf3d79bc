-- What a run asks with, without what it was asked: see contract/prompt-hash.ts.
alter table runs add column prompt_hash text;

-- Results of evaluations that later ones are held against, by their names.
create table baselines (
  -- '' where there are no tenants
  tenant text not null,
  name text not null,
  baseline jsonb not null,
  saved_at timestamptz(3) not null default now(),
  primary key (tenant, name)
);
