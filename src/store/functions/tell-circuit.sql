-- Tells all processes how a circuit stands.
create function tell_circuit(p_scope text) returns void language sql as $$
  select pg_notify('cadenza_circuits', p_scope || E'\n' || coalesce((
    select jsonb_build_object('failures', failures, 'error', error, 'downSince', down_since,
      'opensInMs', ceil(extract(epoch from opens_at - clock_timestamp()) * 1000))::text
    from circuits where scope = p_scope), ''))
$$;
