-- Answers that a provider goes on with when nobody listens (OpenAI's `background`), by call: who repeats the call resumes one.
create table background_answers (
  key text primary key,
  chain text not null,
  model text not null,
  -- the provider's
  id text not null,
  at timestamptz not null default now()
);
create index background_answers_by_chain on background_answers (chain);
