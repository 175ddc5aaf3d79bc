-- Begins one attempt of a call, unless it is finished or would go over a budget. What is held for an earlier attempt is
-- held on, as far as the budget still allows it: `held`, USD, if anything is. An attempt nobody ended was lost with its worker, which the new epoch announces.
-- The answer's `lost` are earlier attempts that had streamed text, and of which nothing is booked yet.
--
-- Where answers are shared (`shared`: {tenant, hash, models, seconds}) one that an equal request has had is `cached`, and
-- nothing is written; else the call is `claimed` to be the one that is made for all, where that is not to be waited for.
--
-- The first attempt of a call for which no money is held waits for no disk, and tells readers nothing: `deferred` says that
-- its events are the writer's to write, with the call again (docs/decisions/0014).
create function begin_call(p jsonb) returns jsonb language plpgsql as $$
declare
  v_chain text := p->'run'->>'chain';
  v_key text := p->>'key';
  v_worst numeric := (p->>'worst')::numeric;
  v_call record;
  v_known boolean;
  v_status text;
  v_seq bigint;
  v_told boolean := true;
  v_claimed boolean := false;
  v_accounts text[];
  v_held numeric;
  v_over record;
  v_epoch integer := 1;
  v_failures integer := 0;
  v_mid_stream integer := 0;
  v_events jsonb := '[]';
  v_written jsonb;
begin
  select reply into v_call from calls where key = v_key and state = 'finished';
  if not found and p ? 'others' then
    select reply into v_call from calls
    where key = any (array(select jsonb_array_elements_text(p->'others'))) and state = 'finished' and not reply ? 'invalid'
    limit 1;
  end if;
  if found then return jsonb_build_object('state', 'finished', 'reply', v_call.reply); end if;

  if p ? 'shared' then
    v_written := shared_answer(p->'shared');
    if v_written is not null then return jsonb_build_object('state', 'cached', 'reply', v_written); end if;
  end if;

  select status, seq into v_status, v_seq from runs where chain = v_chain for update;
  if not found then
    perform open_runs(jsonb_build_array(p->'run'));
    select status, seq into v_status, v_seq from runs where chain = v_chain for update;
  end if;
  if v_seq = 0 then
    v_events := jsonb_build_array(jsonb_build_object('o', -1, 'r', 1, 'k', 'run.started', 't', 'run.started', 'd',
      jsonb_strip_nulls(jsonb_build_object('pattern', p->'run'->'pattern', 'tenant', p->'run'->'tenant',
        'promptHash', p->'run'->'promptHash'))));
  end if;
  select state, epoch, failures, mid_stream_failures, holder, reply, error, ended_at into v_call
  from calls where key = v_key;
  v_known := found;
  if v_known and v_call.state = 'finished' then
    return jsonb_build_object('state', 'finished', 'reply', v_call.reply);
  end if;
  -- a worker may have been lost before it told of the call
  if v_known and v_call.state = 'open' and v_call.epoch = 1 then
    v_told := exists (select from events where chain = v_chain and call = p->>'call');
  end if;
  if v_known and v_call.state = 'open' and v_call.holder = p->>'holder' then
    return jsonb_build_object('state', 'open', 'deferred', not v_told, 'epoch', v_call.epoch, 'failures', v_call.failures,
      'midStreamFailures', v_call.mid_stream_failures,
      'held', (select amount from reservations where call_key = v_key),
      'lost', lost_attempts(v_chain, v_key, p->>'call', v_call.epoch));
  end if;

  select amount, accounts into v_held, v_accounts from reservations where call_key = v_key;
  if found then
    -- what earlier attempts used is charged beside what is held: where both are too much, it is reserved anew
    perform from accounts where id = any (v_accounts) order by id collate "C" for update;
    if (select true from accounts where id = any (v_accounts) and spent_usd + reserved_usd > budget_usd limit 1) then
      delete from reservations where call_key = v_key;
      update accounts set reserved_usd = reserved_usd - v_held where id = any (v_accounts);
      v_held := null;
    end if;
  end if;
  if v_held is null then
    v_accounts := array(select id from accounts
      where id = any (array(select jsonb_array_elements_text(p->'accounts'))) and budget_usd is not null
      order by id collate "C" for update);
    if v_accounts <> '{}' and v_worst is null then
      perform put_events(array[v_chain], '{}', '{}', p->>'origin', v_events);
      return jsonb_build_object('state', 'priceNeeded', 'account', v_accounts[1]);
    end if;
    if v_accounts <> '{}' then
      select id, spent_usd, reserved_usd, budget_usd into v_over from accounts
      where id = any (v_accounts) and spent_usd + reserved_usd + v_worst > budget_usd
      order by budget_usd - spent_usd - reserved_usd limit 1;
      if found then
        perform put_events(array[v_chain], '{}', '{}', p->>'origin', v_events);
        return jsonb_build_object('state', 'overBudget', 'account', v_over.id, 'spent', v_over.spent_usd,
          'reserved', v_over.reserved_usd, 'budget', v_over.budget_usd);
      end if;
      update accounts set reserved_usd = reserved_usd + v_worst where id = any (v_accounts);
      insert into reservations (call_key, chain, amount, accounts) values (v_key, v_chain, v_worst, v_accounts);
      v_held := v_worst;
    end if;
  end if;

  if not v_known then
    insert into calls (key, chain, step, model, state, epoch, holder, started_at)
    values (v_key, v_chain, p->>'step', p->>'model', 'open', 1, p->>'holder', clock_timestamp());
    if v_held is null and v_status = 'running' then
      perform set_config('synchronous_commit', 'off', true);
      if p ? 'shared' then
        v_claimed := claim_flight(p->'shared', p->>'model', v_key);
      end if;
      return jsonb_build_object('state', 'open', 'deferred', true, 'epoch', 1, 'failures', 0, 'midStreamFailures', 0,
        'lost', '[]'::jsonb, 'claimed', v_claimed);
    end if;
    v_events := v_events || (p->'first');
  else
    if not v_told then v_events := v_events || (p->'first'); end if;
    v_epoch := v_call.epoch + case when v_call.state = 'retrying' then 0 else 1 end;
    if v_call.state <> 'failed' then
      v_failures := v_call.failures;
      v_mid_stream := v_call.mid_stream_failures;
    end if;
    update calls set state = 'open', epoch = v_epoch, failures = v_failures, mid_stream_failures = v_mid_stream,
      holder = p->>'holder', model = p->>'model', ended_at = null
    where key = v_key;
    if v_call.state <> 'retrying' then
      v_events := v_events || jsonb_build_object('o', 9, 'r', 1, 't', 'call.retrying', 's', p->'step', 'c', p->'call',
        'e', v_epoch, 'd', jsonb_build_object('model', p->'model', 'delayMs', 0,
          'error', case when v_call.state = 'failed' then v_call.error else p->'lost' end)
          || case when v_call.state = 'failed'
            then jsonb_build_object('failedAt', to_char(v_call.ended_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
            else '{}' end);
    end if;
  end if;
  if v_status <> 'running' then
    update runs set status = 'running', ended_at = null, error = null, pruned = 0 where chain = v_chain;
  end if;
  v_written := put_events(array[v_chain], case when (p->>'follow')::boolean then array[v_chain] else '{}' end, '{}',
    p->>'origin', v_events);
  return jsonb_build_object('state', 'open', 'epoch', v_epoch, 'failures', v_failures,
    'midStreamFailures', v_mid_stream, 'written', v_written, 'held', v_held,
    'lost', case when v_known and v_call.state = 'open' then lost_attempts(v_chain, v_key, p->>'call', v_epoch)
      else '[]' end);
end $$;
