-- Books what one attempt of a call used, however it ended: a line of the ledger, once for each epoch, and the run's
-- sums. What was only estimated gives way to what the provider says later. Returns USD by which the accounts' sums
-- change: an attempt whose price is not known is charged what is held for the call.
--
-- p is {key, epoch, step, model, spent: {usage, cost, saved, cached, estimated, batch?}}.
create function book_attempt(p_chain text, p jsonb) returns numeric language plpgsql as $$
declare
  v_spent jsonb := p->'spent';
  v_usage jsonb := v_spent->'usage';
  v_cost numeric := (v_spent->>'cost')::numeric;
  v_held numeric := 0;
  v_before_usd numeric;
  v_was_estimated boolean;
  v_known boolean;
begin
  insert into ledger (key, epoch, chain, tenant, key_name, step, model, input_tokens, output_tokens,
    cached_input_tokens, cache_write_tokens, reasoning_tokens, cost_usd, saved_usd, cached, estimated,
    batch, at)
  select p->>'key', (p->>'epoch')::integer, p_chain, tenant, key_name, p->>'step', p->>'model',
    (v_usage->>'inputTokens')::bigint, (v_usage->>'outputTokens')::bigint, (v_usage->>'cachedInputTokens')::bigint,
    (v_usage->>'cacheWriteTokens')::bigint, (v_usage->>'reasoningTokens')::bigint,
    v_cost, (v_spent->>'saved')::numeric, (v_spent->>'cached')::boolean, (v_spent->>'estimated')::boolean,
    coalesce((v_spent->>'batch')::boolean, false), clock_timestamp()
  from runs where chain = p_chain
  on conflict (key, epoch) do nothing;
  v_known := not found;
  if v_known then
    select cost_usd, estimated into v_before_usd, v_was_estimated from ledger where key = p->>'key' and epoch = (p->>'epoch')::integer;
    if not (v_was_estimated and not (v_spent->>'estimated')::boolean) then return 0; end if;
    update ledger set
      input_tokens = (v_usage->>'inputTokens')::bigint, output_tokens = (v_usage->>'outputTokens')::bigint,
      cached_input_tokens = (v_usage->>'cachedInputTokens')::bigint,
      cache_write_tokens = (v_usage->>'cacheWriteTokens')::bigint,
      reasoning_tokens = (v_usage->>'reasoningTokens')::bigint, cost_usd = v_cost,
      saved_usd = (v_spent->>'saved')::numeric, estimated = (v_spent->>'estimated')::boolean,
      batch = coalesce((v_spent->>'batch')::boolean, false)
    where key = p->>'key' and epoch = (p->>'epoch')::integer;
  end if;
  if v_cost is null or (v_known and v_before_usd is null) then
    v_held := coalesce((select amount from reservations where call_key = p->>'key'), 0);
  end if;

  update runs set
    calls = calls + (not v_known)::integer,
    cost_usd = cost_usd + coalesce(v_cost, 0) - case when v_known then coalesce(v_before_usd, 0) else 0 end,
    unpriced = unpriced + (v_cost is null)::integer - (v_known and v_before_usd is null)::integer,
    models = case when p->>'model' = any (models) then models else models || (p->>'model') end
  where chain = p_chain;
  return coalesce(v_cost, v_held) - case when v_known then coalesce(v_before_usd, v_held) else 0 end;
end $$;
