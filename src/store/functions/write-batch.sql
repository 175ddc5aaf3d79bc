-- One flush of a process's writer: the work of all its runs, once, in the order it was given.
--
-- p is {writer, batch, opens, runs, begins, calls, endings, alongs, events}; `opens` where some run may have no row yet. Events
-- as in put_events, and with `i` they hang on the outcome of calls[i]. Begins {r, key, step, model, holder}: calls that
-- begin_call did not wait for the disk with, made again where a crash of the database took them. Calls as in end_attempt;
-- endings {o, r, status, error, usd}: what the run knows of its cost, which is more where others have booked a part of it, and
-- less where attempts were cut or stopped. Alongs {r, first, and as in begin_along}: calls that begin in the transaction in which the
-- last call of their run ends.
--
-- A run may have gone on when the end of a call of its was given here (`ahead`). What came `after` is done only where all such
-- ends count: else another worker has the run. What was paid is booked in any case.
-- A run ends once, but whoever does its work again has the last word: a reset that completes, and a workflow whose task had
-- written that it completed when Temporal preferred a cancellation that came meanwhile.
-- A batch number seen before is a repetition after a lost connection: what it did then is returned, and nothing done.
create function write_batch(p jsonb) returns jsonb language plpgsql as $$
declare
  v_writer record;
  v_chains text[];
  v_followed text[];
  v_there integer;
  v_fresh boolean;
  v_events jsonb := p->'events';
  v_ended text[];
  v_item jsonb;
  v_chain text;
  v_end jsonb;
  v_charges jsonb := '[]';
  v_released text[] := '{}';
  v_results jsonb := '[]';
  v_dropped numeric[] := '{}';
  v_ends jsonb := '[]';
  v_known numeric;
  v_cost numeric;
  v_overtaken text[] := '{}';
  v_flights jsonb := '[]';
  v_claimed boolean;
  -- whether events may have to be left out, or have another epoch
  v_differs boolean := false;
  v_written jsonb;
begin
  select batch, results into v_writer from writers where id = p->>'writer' for update;
  if not found then
    insert into writers (id) values (p->>'writer') on conflict (id) do nothing;
    select batch, results into v_writer from writers where id = p->>'writer' for update;
  end if;
  if v_writer.batch >= (p->>'batch')::bigint then
    return jsonb_build_object('results', v_writer.results, 'repeated', true);
  end if;

  select array_agg(r.value->>'chain' order by r.ordinality),
    coalesce(array_agg(r.value->>'chain') filter (where (r.value->>'follow')::boolean), '{}')
  into v_chains, v_followed
  from jsonb_array_elements(p->'runs') with ordinality r;
  if p ? 'opens' then
    if (select count(*) from runs where chain = any (v_chains)) < cardinality(v_chains) then
      perform open_runs(p->'runs');
    end if;
  end if;
  select count(*), coalesce(array_agg(chain) filter (where status <> 'running'), '{}'), bool_or(seq = 0)
  into v_there, v_ended, v_fresh
  from (select chain, status, seq from runs where chain = any (v_chains) order by chain collate "C" for update) r;
  if v_there < cardinality(v_chains) then
    raise exception 'a run of this batch is not there' using errcode = 'P0002';
  end if;
  if p ? 'begins' then
    insert into calls (key, chain, step, model, state, epoch, holder, started_at)
    select b.key, v_chains[b.r], b.step, b.model, 'open', 1, b.holder, clock_timestamp()
    from jsonb_to_recordset(p->'begins') as b(r integer, key text, step text, model text, holder text)
    where (select true from calls here where here.key = b.key) is null
    on conflict (key) do nothing;
  end if;
  -- of those that have said nothing yet
  if v_fresh then
    v_events := v_events || (
      select jsonb_agg(jsonb_build_object('o', -1, 'r', array_position(v_chains, chain), 'k', 'run.started',
        't', 'run.started', 'd', jsonb_strip_nulls(jsonb_build_object('pattern', pattern, 'tenant', tenant, 'promptHash', prompt_hash))))
      from runs where chain = any (v_chains) and seq = 0);
  end if;

  for v_item in select value from jsonb_array_elements(p->'calls') loop
    v_chain := v_chains[(v_item->>'r')::integer];
    if v_chain = any (v_overtaken) and v_item ? 'after' then
      v_results := v_results || '{"taken": false, "overtaken": true}';
      v_differs := true;
      continue;
    end if;
    v_end := end_attempt(v_chain, v_item);
    if (v_item->>'ahead')::boolean and not (v_end->>'taken')::boolean then v_overtaken := v_overtaken || v_chain; end if;
    if v_end ? 'landed' then v_flights := v_flights || (v_end->'landed'); end if;
    v_events := v_events || (v_end->'events');
    if (v_end->>'charge')::numeric <> 0 then
      v_charges := v_charges || jsonb_build_object('o', (v_item->>'last')::numeric + 0.5, 'r', v_item->'r',
        'chain', v_chain, 'accounts', v_item->'accounts', 'usd', v_end->'charge');
    end if;
    if (v_end->>'release')::boolean then v_released := v_released || (v_item->>'key'); end if;
    v_results := v_results || jsonb_build_object('taken', v_end->'taken', 'epoch', v_end->'epoch');
    v_differs := v_differs or not (v_end->>'taken')::boolean or v_end->'epoch' <> v_item->'epoch';
  end loop;

  for v_item in select value from jsonb_array_elements(p->'endings') loop
    v_chain := v_chains[(v_item->>'r')::integer];
    update runs set status = v_item->>'status', error = v_item->'error', ended_at = clock_timestamp()
    where chain = v_chain and status <> v_item->>'status'
      and (status = 'running' or v_item->>'status' = 'completed' or (status = 'completed' and v_item->>'status' = 'cancelled'))
      and not (v_item ? 'after' and v_chain = any (v_overtaken));
    if found then
      v_released := v_released || array(select call_key from reservations where chain = v_chain);
    else
      v_dropped := v_dropped || (v_item->>'o')::numeric;
      v_differs := true;
    end if;
    v_known := coalesce((v_item->>'usd')::numeric, 0);
    select greatest(cost_usd, v_known) into v_cost from runs where chain = v_chain;
    v_ends := v_ends || jsonb_build_object('costUsd', v_cost);
    if v_cost > v_known and v_item ? 'usd' then
      v_events := (
        select jsonb_agg(case when e->'o' = v_item->'o' then jsonb_set(e, '{d,costUsd}', to_jsonb(v_cost)) else e end)
        from jsonb_array_elements(v_events) e);
    end if;
  end loop;

  for v_item in select value from jsonb_array_elements(p->'alongs') loop
    v_chain := v_chains[(v_item->>'r')::integer];
    if v_chain = any (v_overtaken) then
      v_results := v_results || '{"overtaken": true}';
    elsif begin_along(v_chain, v_item) then
      v_events := v_events || (v_item->'first');
      if v_item ? 'shared' then
        v_flights := v_flights || (v_item->'shared' || jsonb_build_object('model', v_item->'model', 'holder', v_item->'key',
          'nth', jsonb_array_length(v_results)));
      end if;
      v_results := v_results || '{"begun": true}';
    else
      v_results := v_results || '{"begun": false}';
    end if;
  end loop;
  v_results := v_results || v_ends;

  if v_charges <> '[]' or v_released <> '{}' then
    v_events := v_events || settle_accounts(v_charges, v_released);
  end if;
  -- in one order everywhere, so that no two wait for each other: those that have landed, and those that take off
  for v_item in select value from jsonb_array_elements(v_flights)
    order by value->>'hash' collate "C", value->>'model' collate "C", value->>'tenant' collate "C", value ? 'nth' loop
    if v_item ? 'nth' then
      v_claimed := claim_flight(v_item, v_item->>'model', v_item->>'holder');
      v_results := jsonb_set(v_results, array[v_item->>'nth', 'claimed'], to_jsonb(v_claimed));
    else
      delete from flights where tenant = v_item->>'tenant' and request_hash = v_item->>'hash'
        and model = v_item->>'model' and holder = v_item->>'holder';
    end if;
  end loop;
  if v_differs then
    v_events := coalesce((
      select jsonb_agg(case when e ? 'i' and e ? 'e'
          then e || jsonb_build_object('e', v_results->(e->>'i')::integer->'epoch') else e end)
      from jsonb_array_elements(v_events) e
      where (e->>'o')::numeric <> all (v_dropped)
        and not (e ? 'after' and v_chains[(e->>'r')::integer] = any (v_overtaken))
        and (not e ? 'i' or (v_results->(e->>'i')::integer->>'taken')::boolean)), '[]');
  end if;
  v_written := put_events(v_chains, v_followed, v_ended, p->>'origin', v_events);
  -- its time is indexed, and need not be exact
  update writers set batch = (p->>'batch')::bigint, results = v_results,
    at = case when at < now() - interval '1 minute' then now() else at end
  where id = p->>'writer';
  return jsonb_build_object('results', v_results, 'written', v_written);
end $$;
