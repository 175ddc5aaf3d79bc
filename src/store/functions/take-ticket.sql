-- Takes what a call is expected to use out of the limits of its provider and model, or queues it: {state: 'admitted'}, or
-- {state: 'waiting', nextMs, waitMs, ahead, scope, limit}; with the ms that it has waited before, waitedMs. Behind others of its priority it waits, though there be room for it.
--
-- Within a priority tenants take turns: a ticket's round is one after the last that its tenant waits for, and the present one
-- where it waits for none.
--
-- p is {key, ask, provider, model, limits: {scope: {...}}, priority, tenant, input, output?, mostOutput?, holder, leaseMs}.
-- A call that a lost or parked attempt left a ticket of has its place.
create function take_ticket(p jsonb) returns jsonb language plpgsql as $$
declare
  v_key text := p->>'key';
  v_provider text := p->>'provider';
  v_now timestamptz(3);
  v_before limit_tickets;
  v_known boolean;
  v_round bigint;
  v_output bigint := (p->>'output')::bigint;
  v_done jsonb;
  v_others jsonb;
begin
  -- a crash of the database costs the last few tickets, and their calls take new ones
  perform set_config('synchronous_commit', 'off', true);
  perform pg_advisory_xact_lock(hashtextextended('cadenza_limits ' || v_provider, 0));
  v_now := clock_timestamp();
  insert into limit_holders (holder, until) values (p->>'holder', v_now + make_interval(secs => (p->>'leaseMs')::double precision / 1000))
  on conflict (holder) do update set until = excluded.until where limit_holders.until < excluded.until - interval '5 seconds';
  insert into limiters (scope, limits) select key, value from jsonb_each(p->'limits')
  where (select limits from limiters where scope = key) is distinct from value
  on conflict (scope) do update set limits = excluded.limits;
  perform sweep_holders(v_provider, v_now);

  select * into v_before from limit_tickets where key = v_key;
  v_known := found;
  if v_known and v_before.admitted_at is not null and v_before.ask = p->>'ask' then
    return jsonb_build_object('state', 'admitted', 'waitedMs', 0);
  end if;
  if v_known and v_before.admitted_at is not null then
    -- an attempt whose worker was lost may have asked
    perform end_ticket(v_key, v_now, v_before.admitted_at + interval '2 seconds', v_before.input_tokens, v_before.output_tokens, false);
  elsif v_known then
    delete from limit_tickets where key = v_key;
  else
    select max(round) + 1 into v_round from limit_tickets
    where provider = v_provider and priority = (p->>'priority')::smallint and tenant = p->>'tenant' and admitted_at is null;
    if v_round is null then
      select round into v_round from limit_tickets
      where provider = v_provider and priority = (p->>'priority')::smallint and admitted_at is null and holder is not null
      order by provider, priority, round limit 1;
    end if;
  end if;
  if v_output is null then
    select least((p->>'mostOutput')::bigint, coalesce(greatest(64, round(output_mean + 3 * output_deviation)), 1024)) into v_output
    from limiters where scope = p->>'model';
  end if;
  insert into limit_tickets (key, n, ask, provider, scopes, priority, round, tenant, input_tokens, output_tokens, holder, since)
  values (v_key, coalesce(v_before.n, nextval(pg_get_serial_sequence('limit_tickets', 'n'))), p->>'ask', v_provider,
    array(select jsonb_object_keys(p->'limits')), (p->>'priority')::smallint, coalesce(v_before.round, v_round, 0),
    p->>'tenant', (p->>'input')::bigint, coalesce(v_output, 1024), p->>'holder', coalesce(v_before.since, v_now));

  v_done := admit_waiting(v_provider, v_now);
  v_others := (v_done->'admitted') - v_key;
  if v_others <> '[]' then perform tell_admitted(v_others); end if;
  v_known := v_done->'admitted' ? v_key;
  v_done := jsonb_build_object('state', case when v_known then 'admitted' else 'waiting' end, 'nextMs', v_done->'nextMs',
    'waitedMs', ceil(extract(epoch from v_now - coalesce(v_before.since, v_now)) * 1000));
  if v_known then return v_done; end if;
  return v_done || expected_wait(v_key, v_now);
end $$;
