-- Claims an id for a run that is to begin, unless there is one of it. Returns the chain of the run that has it then.
create function claim_id(p_id text, p_chain text) returns text language plpgsql as $$
declare
  v_chain text;
begin
  select chain into v_chain from runs where id = p_id order by started_at desc, chain desc limit 1;
  if found then return v_chain; end if;
  -- what a crash of the database takes, Temporal still knows
  perform set_config('synchronous_commit', 'off', true);
  insert into claims (id, chain) values (p_id, p_chain) on conflict (id) do nothing;
  if found then return p_chain; end if;
  select chain into v_chain from claims where id = p_id;
  return v_chain;
end $$;
