-- Which limit of a scope has no room for a request of so many tokens: {scope, limit, at: when it may have, if that is known}.
-- Null where all have. What was used counts for a whole window after it reached the provider, in steps of a sixtieth of it.
create function lacking_room(p_scope text, p_input bigint, p_output bigint, p_now timestamptz) returns jsonb
language plpgsql stable as $$
begin
  return (
    with limiter as (
      select limits, in_flight, expected_output from limiters where scope = p_scope
    ), uses as (
      select until, requests, input_tokens, output_tokens from limit_uses where scope = p_scope and until > p_now
    ), meters as (
      select m.name, m.r, m.i, m.o,
        m.r + m.i * p_input + m.o * (p_output + l.expected_output) - (l.limits->>m.name)::bigint
          + coalesce((select sum(m.r * u.requests + m.i * u.input_tokens + m.o * u.output_tokens) from uses u), 0) as excess
      from limiter l, (values ('requests', 1, 0, 0), ('tokens', 0, 1, 1), ('inputTokens', 0, 1, 0),
        ('outputTokens', 0, 0, 1)) as m(name, r, i, o)
      where l.limits ? m.name
    ), lacking as (
      select m.name, (
          select min(f.until)
          from (
            select u.until, sum(m.r * u.requests + m.i * u.input_tokens + m.o * u.output_tokens) over (order by u.until) as freed
            from uses u
          ) f
          where f.freed >= m.excess
        ) as at
      from meters m where m.excess > 0
      union all
      select 'concurrent', null from limiter where in_flight >= (limits->>'concurrent')::integer
    )
    select jsonb_build_object('scope', p_scope, 'limit', name, 'at', at) from lacking order by at desc nulls first limit 1
  );
end $$;
