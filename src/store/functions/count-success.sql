-- Counts a call that was answered. Where that was the probe, the circuit closes; failures of long ago are forgotten.
create function count_success(p_scope text, p_key text, p_within_ms double precision) returns void language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  delete from circuits where scope = p_scope
    and (probe = p_key or (down_since is null and since < clock_timestamp() - make_interval(secs => p_within_ms / 1000)));
  if found then
    perform tell_circuit(p_scope);
  else
    update circuits set successes = successes + 1 where scope = p_scope and down_since is null;
  end if;
end $$;
