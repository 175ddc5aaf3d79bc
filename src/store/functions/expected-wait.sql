-- How long a waiting call will wait, as far as can be said: {waitMs, ahead, scope, limit}. Calls ahead of it take their room
-- first; what does not fit into what this window still frees takes further windows.
create function expected_wait(p_key text, p_now timestamptz) returns jsonb language plpgsql stable as $$
declare
  v_ticket limit_tickets;
begin
  select * into v_ticket from limit_tickets where key = p_key;
  return (
    with ahead as (
      select s.scope, count(t.key) as calls, coalesce(sum(t.input_tokens), 0) as input, coalesce(sum(t.output_tokens), 0) as output
      from unnest(v_ticket.scopes) s(scope)
      left join limit_tickets t on t.provider = v_ticket.provider and t.admitted_at is null and t.holder is not null
        and s.scope = any (t.scopes)
        and (t.priority, t.round, t.n) < (v_ticket.priority, v_ticket.round, v_ticket.n)
      group by s.scope
    ), meters as (
      select l.scope, a.calls, m.name, (l.limits->>m.name)::numeric as most, (l.limits->>'windowMs')::numeric as window_ms,
        m.r * (1 + a.calls) + m.i * (v_ticket.input_tokens + a.input) + m.o * (v_ticket.output_tokens + a.output) as asked,
        m.o * l.expected_output as in_flight, m.r, m.i, m.o
      from ahead a join limiters l on l.scope = a.scope,
        (values ('requests', 1, 0, 0), ('tokens', 0, 1, 1), ('inputTokens', 0, 1, 0), ('outputTokens', 0, 0, 1))
          as m(name, r, i, o)
      where l.limits ? m.name
    ), used as (
      select m.*, coalesce((select sum(m.r * u.requests + m.i * u.input_tokens + m.o * u.output_tokens)
        from limit_uses u where u.scope = m.scope and u.until > p_now), 0) as used
      from meters m
    ), waits as (
      select u.scope, u.name, u.calls, case
          when u.asked + u.used + u.in_flight <= u.most then 0
          else coalesce((
            select extract(epoch from min(f.until) - p_now) * 1000
            from (
              select x.until, sum(u.r * x.requests + u.i * x.input_tokens + u.o * x.output_tokens) over (order by x.until) as freed
              from limit_uses x where x.scope = u.scope and x.until > p_now
            ) f where f.freed >= u.asked + u.used + u.in_flight - u.most),
            ceil((u.asked - u.most) / u.most) * u.window_ms + u.window_ms / 2)
        end as ms
      from used u
    )
    select jsonb_build_object('waitMs', ceil(greatest(ms, 1000)), 'ahead', calls, 'scope', scope, 'limit', name)
    from (
      select * from waits
      union all
      select l.scope, 'concurrent', a.calls, 0 from ahead a join limiters l on l.scope = a.scope
      where l.in_flight >= (l.limits->>'concurrent')::integer
    ) w
    order by ms desc limit 1
  );
end $$;
