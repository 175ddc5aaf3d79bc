-- Tells processes which of their calls may be made, by the beginnings of their keys. A notification holds at most 8,000 bytes.
create function tell_admitted(p_admitted jsonb) returns void language sql as $$
  select pg_notify('cadenza_limits', string_agg(left(key, 16), ' '))
  from jsonb_array_elements_text(p_admitted) with ordinality as a(key, nth)
  group by (nth - 1) / 400
$$;
