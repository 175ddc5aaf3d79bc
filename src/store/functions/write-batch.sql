-- One flush of a process's writer: the work of all its runs, once, in the order it was given.
--
-- p is {writer, batch, runs, begins, calls, endings, events}. Events as in put_events, and with `i` they hang on the outcome
-- of calls[i]. Begins {r, key, step, model, holder}: calls that begin_call did not wait for the disk with, made again where a
-- crash of the database took them. Calls as in end_attempt; endings {o, r, status, error}.
-- A batch number seen before is a repetition after a lost connection: what it did then is returned, and nothing done.
create function write_batch(p jsonb) returns jsonb language plpgsql as $$
declare
  v_writer record;
  v_chains text[] := array(select r.value->>'chain' from jsonb_array_elements(p->'runs') with ordinality r order by ordinality);
  v_followed text[] := array(select r->>'chain' from jsonb_array_elements(p->'runs') r where (r->>'follow')::boolean);
  v_events jsonb := p->'events';
  v_ended text[];
  v_item jsonb;
  v_chain text;
  v_end jsonb;
  v_charges jsonb := '[]';
  v_released text[] := '{}';
  v_results jsonb := '[]';
  v_dropped numeric[] := '{}';
  v_written jsonb;
begin
  insert into writers (id) values (p->>'writer') on conflict (id) do nothing;
  select batch, results into v_writer from writers where id = p->>'writer' for update;
  if v_writer.batch >= (p->>'batch')::bigint then
    return jsonb_build_object('results', v_writer.results, 'repeated', true);
  end if;

  -- most batches are of runs that are there
  if (select count(*) from runs where chain = any (v_chains)) < cardinality(v_chains) then
    perform open_runs(p->'runs');
  end if;
  perform from runs where chain = any (v_chains) order by chain collate "C" for update;
  v_ended := array(select chain from runs where chain = any (v_chains) and status <> 'running');
  if p ? 'begins' then
    insert into calls (key, chain, step, model, state, epoch, holder, started_at)
    select b.key, v_chains[b.r], b.step, b.model, 'open', 1, b.holder, clock_timestamp()
    from jsonb_to_recordset(p->'begins') as b(r integer, key text, step text, model text, holder text)
    where (select true from calls here where here.key = b.key) is null
    on conflict (key) do nothing;
  end if;
  -- of those that have said nothing yet
  if exists (select from runs where chain = any (v_chains) and seq = 0) then
    v_events := v_events || (
      select jsonb_agg(jsonb_build_object('o', -1, 'r', array_position(v_chains, chain), 'k', 'run.started',
        't', 'run.started', 'd', jsonb_strip_nulls(jsonb_build_object('pattern', pattern, 'tenant', tenant, 'promptHash', prompt_hash))))
      from runs where chain = any (v_chains) and seq = 0);
  end if;

  for v_item in select value from jsonb_array_elements(p->'calls') loop
    v_chain := v_chains[(v_item->>'r')::integer];
    v_end := end_attempt(v_chain, v_item);
    v_events := v_events || (v_end->'events');
    if (v_end->>'charge')::numeric <> 0 then
      v_charges := v_charges || jsonb_build_object('o', (v_item->>'last')::numeric + 0.5, 'r', v_item->'r',
        'chain', v_chain, 'accounts', v_item->'accounts', 'usd', v_end->'charge');
    end if;
    if (v_end->>'release')::boolean then v_released := v_released || (v_item->>'key'); end if;
    v_results := v_results || jsonb_build_object('taken', v_end->'taken', 'epoch', v_end->'epoch');
  end loop;

  for v_item in select value from jsonb_array_elements(p->'endings') loop
    v_chain := v_chains[(v_item->>'r')::integer];
    update runs set status = v_item->>'status', error = v_item->'error', ended_at = clock_timestamp()
    where chain = v_chain and status <> v_item->>'status' and (status = 'running' or v_item->>'status' = 'completed');
    if found then
      v_released := v_released || array(select call_key from reservations where chain = v_chain);
    else
      v_dropped := v_dropped || (v_item->>'o')::numeric;
    end if;
  end loop;

  if v_charges <> '[]' or v_released <> '{}' then
    v_events := v_events || settle_accounts(v_charges, v_released);
  end if;
  if v_results <> '[]' or v_dropped <> '{}' then
    v_events := coalesce((
      select jsonb_agg(case when e ? 'i' and e ? 'e'
          then e || jsonb_build_object('e', v_results->(e->>'i')::integer->'epoch') else e end)
      from jsonb_array_elements(v_events) e
      where (e->>'o')::numeric <> all (v_dropped)
        and (not e ? 'i' or (v_results->(e->>'i')::integer->>'taken')::boolean)), '[]');
  end if;
  v_written := put_events(v_chains, v_followed, v_ended, p->>'origin', v_events);
  update writers set batch = (p->>'batch')::bigint, results = v_results, at = now() where id = p->>'writer';
  return jsonb_build_object('results', v_results, 'written', v_written);
end $$;
