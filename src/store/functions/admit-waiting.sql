-- Admits calls that wait at a provider, in their order, as far as there is room: {admitted: [key], nextMs: when there may
-- be room for the next}. Where one lacks room at a limit, nobody behind it gets any there: so a large call is not starved by small
-- ones, and other models of the provider are not held up. The queue is locked by the caller.
create function admit_waiting(p_provider text, p_now timestamptz) returns jsonb language plpgsql as $$
declare
  v_ticket limit_tickets;
  v_blocked text[] := '{}';
  v_scope text;
  v_lacking jsonb;
  v_fits boolean;
  v_next timestamptz;
  v_admitted text[] := '{}';
begin
  loop
    select * into v_ticket from limit_tickets
    where provider = p_provider and admitted_at is null and holder is not null and not scopes && v_blocked
    order by priority, round, n limit 1;
    exit when not found;
    v_fits := true;
    foreach v_scope in array v_ticket.scopes loop
      v_lacking := lacking_room(v_scope, v_ticket.input_tokens, v_ticket.output_tokens, p_now);
      if v_lacking is not null then
        v_fits := false;
        v_blocked := v_blocked || v_scope;
        v_next := least(v_next, (v_lacking->>'at')::timestamptz);
      end if;
    end loop;
    if v_fits then
      update limit_tickets set admitted_at = p_now where key = v_ticket.key;
      update limiters set in_flight = in_flight + 1, expected_output = expected_output + v_ticket.output_tokens
      where scope = any (v_ticket.scopes);
      foreach v_scope in array v_ticket.scopes loop
        -- until it is known when it reached the provider, that may be a little later
        perform book_use(v_scope, p_now + interval '2 seconds', 1, v_ticket.input_tokens, 0);
      end loop;
      v_admitted := v_admitted || v_ticket.key;
    end if;
  end loop;
  return jsonb_build_object('admitted', to_jsonb(v_admitted),
    'nextMs', ceil(extract(epoch from v_next - p_now) * 1000));
end $$;
