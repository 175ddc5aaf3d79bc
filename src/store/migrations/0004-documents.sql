-- Documents that questions are answered from. A collection belongs to one tenant ('' where there are none).
create table collections (
  id bigint generated always as identity primary key,
  tenant text not null,
  name text not null,
  -- the model its vectors are of
  embeddings text not null,
  -- counts its changes: by it a process knows whether the vectors it keeps are those of the collection
  version bigint not null default 0,
  created_at timestamptz not null default now(),
  unique (tenant, name)
);

create table documents (
  id bigint generated always as identity primary key,
  collection bigint not null references collections on delete cascade,
  source text not null,
  kind text not null check (kind in ('file', 'url', 'text')),
  -- of its bytes, and of how they were cut
  hash text not null,
  title text,
  -- a text search configuration of PostgreSQL
  language text not null,
  -- false until every chunk has its vector: then it takes the place of what the source was before
  ready boolean not null default false,
  at timestamptz not null default now()
);
create unique index documents_by_source on documents (collection, source) where ready;
create unique index documents_to_embed on documents (collection, source) where not ready;

create table chunks (
  id bigint generated always as identity primary key,
  collection bigint not null,
  document bigint not null references documents on delete cascade,
  n integer not null,
  text text not null,
  heading text,
  page integer,
  span_start integer not null,
  span_end integer not null,
  line_from integer not null,
  line_to integer not null,
  -- of what is embedded: equal texts of a collection are embedded once
  hash text not null,
  -- of length 1; single precision, which pgvector takes as it is
  vector real[],
  search tsvector not null,
  unique (document, n)
);
create index chunks_by_search on chunks using gin (search);
create index chunks_by_hash on chunks (collection, hash);
create index chunks_to_embed on chunks (document, id) where vector is null;

-- what an ingest goes over, by its chain
create table ingests (
  chain text primary key,
  collection bigint not null,
  chunk_tokens integer not null,
  overlap_tokens integer not null,
  total integer not null,
  -- folders that were listed whole: what is no longer in them is taken out
  folders text[] not null,
  removed integer,
  reported_at timestamptz not null default '-infinity'
);

create table ingest_items (
  chain text not null,
  n integer not null,
  source text not null,
  kind text not null check (kind in ('file', 'url', 'text')),
  -- of a text: {text, type}
  content json,
  status text not null default 'waiting' check (status in ('waiting', 'done', 'skipped', 'failed')),
  -- how often it was begun to be read: a document that ends its worker is not read for ever
  attempts integer not null default 0,
  -- what was read of it, until all of that is embedded
  document bigint,
  chunks integer not null default 0,
  error json,
  primary key (chain, n)
) with (fillfactor = 80);
