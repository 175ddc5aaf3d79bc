-- Vectors of prompts whose answers are in the cache, for who asks nearly the same. `frame`: all of a request but its prompt,
-- and the model of the vectors; of one frame the vectors are as long as each other, and of length 1.
create table prompts (
  id bigint generated always as identity primary key,
  tenant text not null,
  frame text not null,
  request_hash text not null,
  vector real[] not null,
  expires_at timestamptz not null,
  unique (tenant, frame, request_hash)
);
create index prompts_of_frame on prompts (tenant, frame, id);
create index prompts_by_expiry on prompts (expires_at);
