-- Makes one event of all the text a call streamed, at the place of its first, and removes the text of attempts before
-- the last one: readers that begin anew see the same story. Of calls of ended runs; of others with p_finished_only
-- those that have their answer, as far as their text is older than p_before. Returns how many events are gone.
create function merge_text(p_chains text[], p_before timestamptz, p_finished_only boolean) returns bigint
language plpgsql as $$
declare
  v_gone bigint;
begin
  with texts as (
    select e.chain, e.seq, e.call, e.type, e.epoch, e.data->>'text' as text,
      max(e.epoch) over (partition by e.chain, e.call) as newest
    from events e
    where e.chain = any (p_chains) and e.type in ('call.delta', 'call.reasoning') and e.at < p_before
      and (not p_finished_only or (select true from calls c
        where c.chain = e.chain and left(c.key, 16) = e.call and c.state = 'finished' limit 1))
  ), ranked as (
    select *, epoch is not distinct from newest as is_newest,
      row_number() over (partition by chain, call, type, epoch is not distinct from newest order by seq) as nth
    from texts
  ), kept as (
    select chain, min(seq) as seq, string_agg(text, '' order by seq) as text, count(*) as n
    from ranked where is_newest
    group by chain, call, type
  ), merged as (
    update events e set data = jsonb_build_object('text', k.text)
    from kept k where e.chain = k.chain and e.seq = k.seq and k.n > 1
  ), gone as (
    delete from events e using ranked r
    where e.chain = r.chain and e.seq = r.seq and not (r.is_newest and r.nth = 1)
    returning 1
  )
  select count(*) into v_gone from gone;
  return v_gone;
end $$;
