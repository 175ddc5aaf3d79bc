-- Attempts of a call before p_epoch that had streamed something, and of which nothing is booked: [{epoch, streamed}].
create function lost_attempts(p_chain text, p_key text, p_call text, p_epoch integer) returns jsonb language sql as $$
  select coalesce(jsonb_agg(jsonb_build_object('epoch', epoch, 'streamed', streamed) order by epoch), '[]')
  from (
    select e.epoch, string_agg(e.data->>'text', '' order by e.seq) as streamed
    from events e
    where e.chain = p_chain and e.call = p_call and e.epoch < p_epoch and e.type in ('call.delta', 'call.reasoning')
    group by e.epoch
  ) streams
  where (select true from ledger l where l.key = p_key and l.epoch = streams.epoch) is null
$$;
