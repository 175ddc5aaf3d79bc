-- Admits whom time has made room for at a provider: {nextMs: when to look again, admitted: the calls of the holder that may be
-- made}. Where somebody else is at the queue, that one does it.
create function next_tickets(p_provider text, p_holder text) returns jsonb language plpgsql as $$
declare
  v_now timestamptz(3);
  v_done jsonb := '{}';
begin
  perform set_config('synchronous_commit', 'off', true);
  if pg_try_advisory_xact_lock(hashtextextended('cadenza_limits ' || p_provider, 0)) then
    v_now := clock_timestamp();
    perform sweep_holders(p_provider, v_now);
    v_done := admit_waiting(p_provider, v_now);
    if v_done->'admitted' <> '[]' then perform tell_admitted(v_done->'admitted'); end if;
  end if;
  return jsonb_build_object('nextMs', v_done->'nextMs', 'admitted', coalesce((
    select jsonb_agg(left(key, 16)) from limit_tickets
    where holder = p_holder and provider = p_provider and admitted_at is not null), '[]'));
end $$;
