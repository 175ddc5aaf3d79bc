-- Ends tickets of a process, and admits those they made room for. p_ends is [{key, ask, provider, and one of
-- used: {arrivedMs: ago, input, output, expected}: the provider was asked; left: true: it was not; parkedMs: somebody will come back with
-- it within so long}].
create function end_tickets(p_ends jsonb) returns void language plpgsql as $$
declare
  v_provider text;
  v_end jsonb;
  v_now timestamptz(3);
  v_ticket limit_tickets;
  v_done jsonb;
begin
  perform set_config('synchronous_commit', 'off', true);
  for v_provider in select distinct (e->>'provider') collate "C" as provider from jsonb_array_elements(p_ends) e order by provider loop
    perform pg_advisory_xact_lock(hashtextextended('cadenza_limits ' || v_provider, 0));
    v_now := clock_timestamp();
    for v_end in select e from jsonb_array_elements(p_ends) e where e->>'provider' = v_provider loop
      select * into v_ticket from limit_tickets where key = v_end->>'key' and ask = v_end->>'ask';
      if not found then
        null;
      elsif v_ticket.admitted_at is not null and v_end ? 'used' then
        perform end_ticket(v_ticket.key, v_now,
          v_now - make_interval(secs => (v_end->'used'->>'arrivedMs')::double precision / 1000),
          coalesce((v_end->'used'->>'input')::bigint, v_ticket.input_tokens),
          coalesce((v_end->'used'->>'output')::bigint, v_ticket.output_tokens),
          coalesce((v_end->'used'->>'expected')::boolean, false));
      elsif v_ticket.admitted_at is not null then
        perform end_ticket(v_ticket.key, v_now, null, 0, 0, false);
      elsif v_end ? 'parkedMs' then
        update limit_tickets set holder = null,
          kept_until = v_now + make_interval(secs => (v_end->>'parkedMs')::double precision / 1000)
        where key = v_ticket.key;
      else
        delete from limit_tickets where key = v_ticket.key;
      end if;
    end loop;
    v_done := admit_waiting(v_provider, v_now);
    if v_done->'admitted' <> '[]' then perform tell_admitted(v_done->'admitted'); end if;
  end loop;
end $$;
