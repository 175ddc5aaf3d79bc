-- Lets one call find out whether whoever has rested is back: true for it, and for all once the circuit is closed. A probe whose process
-- was lost is the next one's. The row is locked before anything is looked at, so that two who ask at once see each other.
create function claim_probe(p_scope text, p_key text, p_probe_ms double precision, p_holder text, p_lease_ms double precision)
returns boolean language plpgsql as $$
declare
  v_circuit circuits;
  v_now timestamptz(3);
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into limit_holders (holder, until) values (p_holder, clock_timestamp() + make_interval(secs => p_lease_ms / 1000))
  on conflict (holder) do update set until = excluded.until where limit_holders.until < excluded.until - interval '5 seconds';
  select * into v_circuit from circuits where scope = p_scope for update;
  if not found or v_circuit.down_since is null then return true; end if;
  v_now := clock_timestamp();
  if v_circuit.opens_at > v_now then return false; end if;
  if v_circuit.probe <> p_key and v_circuit.probe_until > v_now
    and exists (select from limit_holders where holder = v_circuit.probe_holder and until > v_now) then
    return false;
  end if;
  update circuits set probe = p_key, probe_holder = p_holder, probe_until = v_now + make_interval(secs => p_probe_ms / 1000)
  where scope = p_scope;
  return true;
end $$;
