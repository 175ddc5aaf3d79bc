-- Counts a failed call against a circuit, and opens it where enough fail: `failures` within `withinMs`, and more than succeed. One that
-- is open rests for a quarter of the time it has been down, as long as its provider asked for, and at least `restMs`.
-- Calls that were under way when it opened change nothing: only the probe does.
-- p is {scope, key, error, namedMs?, failures, withinMs, restMs}.
create function count_failure(p jsonb) returns void language plpgsql as $$
declare
  v_now timestamptz(3);
  v_circuit circuits;
  v_scope text := p->>'scope';
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into circuits (scope, failures, since, error) values (v_scope, 0, clock_timestamp(), p->'error') on conflict (scope) do nothing;
  select * into v_circuit from circuits where scope = v_scope for update;
  if not found then return; end if;
  v_now := clock_timestamp();
  if v_circuit.down_since is null then
    if v_circuit.since < v_now - make_interval(secs => (p->>'withinMs')::double precision / 1000) then
      v_circuit.failures := 0;
      v_circuit.successes := 0;
      v_circuit.since := v_now;
    end if;
    v_circuit.failures := v_circuit.failures + 1;
    if v_circuit.failures >= (p->>'failures')::integer and v_circuit.failures > v_circuit.successes then
      v_circuit.down_since := v_now;
    end if;
  elsif v_circuit.probe = p->>'key' then
    v_circuit.failures := v_circuit.failures + 1;
  else
    return;
  end if;
  update circuits set failures = v_circuit.failures, successes = v_circuit.successes, since = v_circuit.since, error = p->'error',
    down_since = v_circuit.down_since, probe = null, probe_holder = null, probe_until = null,
    opens_at = case when v_circuit.down_since is not null then v_now + make_interval(secs => greatest(
      (p->>'restMs')::double precision / 1000,
      least(extract(epoch from v_now - v_circuit.down_since) / 4, 300),
      least(coalesce((p->>'namedMs')::double precision, 0) / 1000, 600))) end
  where scope = v_scope;
  perform tell_circuit(v_scope);
end $$;
