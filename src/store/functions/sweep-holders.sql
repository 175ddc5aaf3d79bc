-- Ends what lost processes hold at a provider: calls in flight as if they had used what was expected, while those that wait
-- keep their places for whoever makes the call again. The queue is locked by the caller.
create function sweep_holders(p_provider text, p_now timestamptz) returns void language plpgsql as $$
declare
  v_ticket record;
begin
  delete from limit_tickets where provider = p_provider and holder is null and kept_until < p_now;
  if not exists (select from limit_holders where until < p_now) then return; end if;
  for v_ticket in
    select t.* from limit_tickets t join limit_holders h on h.holder = t.holder
    where h.until < p_now and t.provider = p_provider
  loop
    if v_ticket.admitted_at is null then
      update limit_tickets set holder = null, kept_until = p_now + interval '10 minutes' where key = v_ticket.key;
    else
      perform end_ticket(v_ticket.key, p_now, v_ticket.admitted_at + interval '2 seconds', v_ticket.input_tokens,
        v_ticket.output_tokens, false);
    end if;
  end loop;
  delete from limit_holders h where until < p_now - interval '1 minute'
    and not exists (select from limit_tickets t where t.holder = h.holder);
end $$;
