-- Ends one attempt of a call, or only books what one used. The first reply of a call counts, whichever attempt brings
-- it; an error counts only for the newest attempt while it is open. What was used is booked in any case. The caller
-- holds the run's row.
--
-- p is {o, last: first and last place among the batch's events, r: index of the run, key, call, step, model, epoch,
-- accounts, spent?, reply? | error? with final or delayMs, cache?}.
-- Returns {taken, epoch, events, charge, release}, and with `landed` {tenant, hash, model, holder}: others who asked the same
-- wait no more, once the caller takes that flight away.
create function end_attempt(p_chain text, p jsonb) returns jsonb language plpgsql as $$
declare
  v_key text := p->>'key';
  v_number integer := (p->>'epoch')::integer;
  v_event jsonb := jsonb_build_object('r', p->'r', 's', p->'step', 'c', p->'call');
  v_events jsonb := '[]';
  v_before record;
  v_epoch integer;
  v_taken boolean := false;
  v_charge numeric := 0;
  v_landed jsonb := '{}';
  -- nobody was asked, and the same attempt goes on later
  v_put_off boolean := coalesce(p->'error'->>'held' = 'limit', false) and not coalesce((p->>'final')::boolean, false);
begin
  select state, epoch into v_before from calls where key = v_key;
  if p ? 'reply' then
    -- An epoch that others have announced since is too old for readers: the answer gets a new one.
    insert into calls as c (key, chain, step, model, state, epoch, reply, cached, started_at, ended_at)
    values (v_key, p_chain, p->>'step', p->>'model', 'finished', v_number, p->'reply',
      (p->'spent'->>'cached')::boolean, clock_timestamp(), clock_timestamp())
    on conflict (key) do update set
      state = 'finished', model = excluded.model, reply = excluded.reply, cached = excluded.cached,
      error = null, ended_at = excluded.ended_at,
      epoch = case when c.epoch > excluded.epoch or excluded.cached then c.epoch + 1 else excluded.epoch end
    where c.state <> 'finished'
    returning epoch into v_epoch;
    v_taken := found;
    if v_taken and v_epoch <> v_number and not (p->'spent'->>'cached')::boolean then
      v_events := v_events || (v_event || jsonb_build_object('o', (p->>'o')::numeric - 0.5, 't', 'call.delta',
        'e', v_epoch, 'd', jsonb_build_object('text', p->'reply'->'text')));
    end if;
    if v_taken and p ? 'cache' then
      insert into cache (tenant, request_hash, model, reply, cost_usd, expires_at)
      values (p->'cache'->>'tenant', p->'cache'->>'hash', p->>'model', p->'reply', (p->'spent'->>'cost')::numeric,
        now() + make_interval(secs => (p->'cache'->>'ttl')::double precision))
      on conflict (tenant, request_hash, model) do update set
        reply = excluded.reply, cost_usd = excluded.cost_usd, expires_at = excluded.expires_at;
      v_landed := jsonb_build_object('landed', jsonb_build_object('tenant', p->'cache'->'tenant', 'hash', p->'cache'->'hash',
        'model', p->'model', 'holder', v_key));
      perform pg_notify('cadenza_flights', p->'cache'->>'hash');
    end if;
  elsif p ? 'error' then
    update calls set
      state = case when (p->>'final')::boolean then 'failed' else 'retrying' end,
      epoch = epoch + case when (p->>'final')::boolean or v_put_off then 0 else 1 end,
      failures = failures + (not v_put_off)::integer,
      mid_stream_failures = mid_stream_failures + coalesce((p->'error'->>'midStream')::boolean, false)::integer,
      error = p->'error', ended_at = clock_timestamp()
    where key = v_key and epoch = v_number and state = 'open'
    returning epoch into v_epoch;
    v_taken := found;
    if v_taken and not (p->>'final')::boolean and not v_put_off then
      v_events := v_events || (v_event || jsonb_build_object('o', (p->>'last')::numeric + 0.5, 't', 'call.retrying',
        'e', v_epoch, 'd', jsonb_build_object('model', p->'model', 'error', p->'error', 'delayMs', p->'delayMs')));
    end if;
  end if;
  if p ? 'spent' and not (p->'spent'->>'cached')::boolean then
    v_charge := book_attempt(p_chain, p);
  elsif v_taken and p ? 'spent' then
    -- nobody was asked: the line is that of the epoch readers got it in, beside those of attempts before
    perform book_attempt(p_chain, p || jsonb_build_object('epoch', v_epoch));
  end if;
  return jsonb_build_object('taken', v_taken, 'epoch', v_epoch, 'events', v_events, 'charge', v_charge,
    -- what a retry or a newer attempt needs is held on; an answer of the cache is the end of all attempts
    'release', (p ? 'reply' or coalesce((p->>'final')::boolean, false))
      and not coalesce(v_before.state in ('open', 'retrying') and v_before.epoch > v_number
        and not coalesce((p->'spent'->>'cached')::boolean, false), false)) || v_landed;
end $$;
