-- Makes the rows of runs seen for the first time. Returns those it made, which then need their run.started.
create function open_runs(p_runs jsonb) returns text[] language plpgsql as $$
declare
  v_made text[];
begin
  with made as (
    insert into runs (chain, id, pattern, tenant, metadata, budget_usd, started_at, key_name, above,
      prompt_hash)
    select r.chain, r.id, r.pattern, r.tenant, r.metadata, r."budgetUsd", r."startedAt", r.key,
      coalesce(r.above, '{}'), r."promptHash"
    from jsonb_to_recordset(p_runs) as r(
      chain text, id text, pattern text, tenant text, metadata jsonb, "budgetUsd" numeric, "startedAt" timestamptz,
      key text, above text[], "promptHash" text)
    where (select true from runs here where here.chain = r.chain) is null
    order by r.chain collate "C"
    on conflict (chain) do nothing
    returning chain, budget_usd
  ), budgets as (
    insert into accounts (id, budget_usd)
    select 'run:' || chain, budget_usd from made where budget_usd is not null
    on conflict (id) do nothing
  )
  select coalesce(array_agg(chain), '{}') into v_made from made;
  return v_made;
end $$;
