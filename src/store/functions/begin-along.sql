-- Begins the first attempt of a call in the transaction of write_batch, which holds the run's row and writes the call's first
-- events. False where that needs more than a row, and is left to begin_call: the call is known, an answer is there, money is to
-- be held, or the run has ended. p is as begin_call's, without what that alone needs.
create function begin_along(p_chain text, p jsonb) returns boolean language plpgsql as $$
begin
  if p ? 'others' then
    if exists (select from calls where key = any (array(select jsonb_array_elements_text(p->'others')))
      and state = 'finished' and not reply ? 'invalid')
    then return false; end if;
  end if;
  if p ? 'shared' then
    if shared_answer(p->'shared') is not null then return false; end if;
  end if;
  insert into calls (key, chain, step, model, state, epoch, holder, started_at)
  select p->>'key', p_chain, p->>'step', p->>'model', 'open', 1, p->>'holder', clock_timestamp()
  from runs where chain = p_chain and status = 'running' and (select true from accounts
    where id = any (array(select jsonb_array_elements_text(p->'accounts'))) and budget_usd is not null limit 1) is null
  on conflict (key) do nothing;
  return found;
end $$;
