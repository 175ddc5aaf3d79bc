-- Ends an admitted ticket with what its call used: the request and its input count from when they reached the provider,
-- its output from now. p_arrived null: the provider was not asked. p_expected: its output says something of others to come.
-- The queue is locked by the caller.
create function end_ticket(p_key text, p_now timestamptz, p_arrived timestamptz, p_input bigint, p_output bigint, p_expected boolean)
returns void language plpgsql as $$
declare
  v_ticket limit_tickets;
  v_scope text;
begin
  delete from limit_tickets where key = p_key and admitted_at is not null returning * into v_ticket;
  if not found then return; end if;
  foreach v_scope in array v_ticket.scopes loop
    update limiters set in_flight = in_flight - 1, expected_output = expected_output - v_ticket.output_tokens,
      -- moving averages over some 16 calls
      output_deviation = case when not p_expected then output_deviation
        when output_mean is null then p_output / 2.0
        else output_deviation + (abs(p_output - output_mean) - output_deviation) / 16 end,
      output_mean = case when not p_expected then output_mean
        else coalesce(output_mean + (p_output - output_mean) / 16, p_output) end
    where scope = v_scope;
    perform book_use(v_scope, v_ticket.admitted_at + interval '2 seconds', -1, -v_ticket.input_tokens, 0);
    if p_arrived is not null then
      perform book_use(v_scope, p_arrived, 1, p_input, 0);
      perform book_use(v_scope, p_now, 0, 0, p_output);
    end if;
  end loop;
end $$;
