-- Makes a call the one that is made for all who ask the same, unless there is one, or an answer already. p is as begin_call's `shared`.
create function claim_flight(p jsonb, p_model text, p_holder text) returns boolean language plpgsql as $$
begin
  insert into flights (tenant, request_hash, model, holder, lease_until)
  values (p->>'tenant', p->>'hash', p_model, p_holder, now() + make_interval(secs => (p->>'seconds')::double precision))
  on conflict (tenant, request_hash, model) do nothing;
  if not found then return false; end if;
  -- whoever had it until a moment ago left an answer
  if shared_answer(p) is null then return true; end if;
  delete from flights
  where tenant = p->>'tenant' and request_hash = p->>'hash' and model = p_model and holder = p_holder;
  return false;
end $$;
