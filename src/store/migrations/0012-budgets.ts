import { type Kysely, sql } from 'kysely';
import { PLANS } from './plans.ts';

/** The API key a run was started with, by name, so that keys have accounts as tenants have. */
const COLUMNS = `
alter table runs add column key_name text;
alter table ledger add column key_name text;
create index ledger_by_key_name on ledger (key_name) where key_name is not null;
create index reservations_by_time on reservations (at);
`;

/** As in 0002, with the key's name. */
const OPEN_RUNS = `
create or replace function open_runs(p_runs jsonb) returns text[] language plpgsql ${PLANS} as $$
declare
  v_made text[];
begin
  with made as (
    insert into runs (chain, id, pattern, tenant, metadata, budget_usd, started_at, key_name)
    select r.chain, r.id, r.pattern, r.tenant, r.metadata, r."budgetUsd", r."startedAt", r.key
    from jsonb_to_recordset(p_runs) as r(
      chain text, id text, pattern text, tenant text, metadata jsonb, "budgetUsd" numeric, "startedAt" timestamptz,
      key text)
    where (select true from runs here where here.chain = r.chain) is null
    order by r.chain collate "C"
    on conflict (chain) do nothing
    returning chain, budget_usd
  ), budgets as (
    insert into accounts (id, budget_usd)
    select 'run:' || chain, budget_usd from made where budget_usd is not null
    on conflict (id) do nothing
  )
  select coalesce(array_agg(chain), '{}') into v_made from made;
  return v_made;
end $$`;

/** As in 0003: keys pay too. */
const SETTLE = `
create or replace function settle_call(p_chain text, p_call jsonb) returns jsonb language plpgsql ${PLANS} as $$
declare
  v_key text := p_call->>'key';
  v_cost numeric := (p_call->>'cost')::numeric;
  v_usage jsonb := p_call->'reply'->'usage';
  v_held record;
  v_tenant text;
  v_key_name text;
  v_accounts text[];
  v_charge numeric;
  v_warnings jsonb;
begin
  update runs set
    calls = calls + 1,
    cost_usd = cost_usd + coalesce(v_cost, 0),
    unpriced = unpriced + (v_cost is null)::integer,
    models = case when p_call->>'model' = any (models) then models else models || (p_call->>'model') end
  where chain = p_chain
  returning tenant, key_name into v_tenant, v_key_name;

  insert into ledger (key, chain, tenant, key_name, step, model, input_tokens, output_tokens, cached_input_tokens,
    cache_write_tokens, reasoning_tokens, cost_usd, cached, at)
  values (v_key, p_chain, v_tenant, v_key_name, p_call->>'step', p_call->>'model', (v_usage->>'inputTokens')::bigint,
    (v_usage->>'outputTokens')::bigint, (v_usage->>'cachedInputTokens')::bigint,
    (v_usage->>'cacheWriteTokens')::bigint, (v_usage->>'reasoningTokens')::bigint,
    v_cost, (p_call->>'cached')::boolean, clock_timestamp())
  on conflict (key) do nothing;

  select amount, accounts into v_held from reservations where call_key = v_key;
  v_charge := coalesce(v_cost, v_held.amount, 0);
  v_accounts := array['run:' || p_chain, 'tenant:' || v_tenant, 'key:' || v_key_name] || v_held.accounts;
  perform release_reservations(array[v_key]);
  if v_charge = 0 then return '[]'; end if;

  select jsonb_agg(jsonb_build_object('t', 'budget.warning', 'd', jsonb_build_object(
      'scope', case when id = 'run:' || p_chain then 'run' else id end,
      'spentUsd', spent_usd + v_charge, 'budgetUsd', budget_usd)) order by id)
    into v_warnings
  from accounts
  where id = any (v_accounts) and not warned and spent_usd + v_charge >= 0.8 * budget_usd;

  update accounts set
    spent_usd = spent_usd + v_charge,
    warned = warned or coalesce(spent_usd + v_charge >= 0.8 * budget_usd, false)
  where id = any (v_accounts);
  return coalesce(v_warnings, '[]');
end $$`;

/** As in 0004: the accounts of keys are locked with those of tenants. */
const WRITE = `
create or replace function write_batch(p jsonb) returns jsonb language plpgsql ${PLANS} as $$
declare
  v_writer record;
  v_chains text[] := array(select r.value->>'chain' from jsonb_array_elements(p->'runs') with ordinality r order by ordinality);
  v_followed text[] := array(select r->>'chain' from jsonb_array_elements(p->'runs') r where (r->>'follow')::boolean);
  v_events jsonb := p->'events';
  v_made text[];
  v_ended text[];
  v_item jsonb;
  v_chain text;
  v_epoch integer;
  v_model text;
  v_taken boolean;
  v_results jsonb := '[]';
  v_dropped numeric[] := '{}';
  v_warning jsonb;
  v_written jsonb;
begin
  insert into writers (id) values (p->>'writer') on conflict (id) do nothing;
  select batch, results into v_writer from writers where id = p->>'writer' for update;
  if v_writer.batch >= (p->>'batch')::bigint then
    return jsonb_build_object('results', v_writer.results, 'repeated', true);
  end if;

  v_made := open_runs(p->'runs');
  perform from runs where chain = any (v_chains) order by chain collate "C" for update;
  v_ended := array(select chain from runs where chain = any (v_chains) and status <> 'running');
  if v_made <> '{}' then
    v_events := v_events || (
      select jsonb_agg(jsonb_build_object('o', -1, 'r', array_position(v_chains, chain), 'k', 'run.started',
        't', 'run.started', 'd', jsonb_strip_nulls(jsonb_build_object('pattern', pattern, 'tenant', tenant))))
      from runs where chain = any (v_made));
  end if;

  if p->'calls' <> '[]' or p->'endings' <> '[]' then
    perform from accounts where id = any (array(
        select 'run:' || chain from runs where chain = any (v_chains)
        union select 'tenant:' || tenant from runs where chain = any (v_chains)
        union select 'key:' || key_name from runs where chain = any (v_chains)
        union select unnest(accounts) from reservations where chain = any (v_chains)))
      order by id collate "C" for update;
  end if;

  for v_item in select value from jsonb_array_elements(p->'calls') loop
    v_chain := v_chains[(v_item->>'r')::integer];
    if v_item->>'op' = 'fail' then
      update calls set
        state = case when (v_item->>'final')::boolean then 'failed' else 'retrying' end,
        epoch = epoch + case when (v_item->>'final')::boolean then 0 else 1 end,
        failures = failures + 1,
        mid_stream_failures = mid_stream_failures + coalesce((v_item->'error'->>'midStream')::boolean, false)::integer,
        error = v_item->'error', ended_at = clock_timestamp()
      where key = v_item->>'key' and epoch = (v_item->>'epoch')::integer and state <> 'finished'
      returning epoch, model into v_epoch, v_model;
      v_taken := found;
      if v_taken and (v_item->>'final')::boolean then
        perform release_reservations(array[v_item->>'key']);
      elsif v_taken then
        v_events := v_events || jsonb_build_object('o', (v_item->>'last')::numeric + 0.5, 'r', v_item->'r',
          't', 'call.retrying', 's', v_item->'step', 'c', v_item->'call', 'e', v_epoch,
          'd', jsonb_build_object('model', v_model, 'error', v_item->'error', 'delayMs', v_item->'delayMs'));
      end if;
    else
      -- An epoch that others have announced since is too old for readers: the answer gets a new one.
      insert into calls as c (key, chain, step, model, state, epoch, reply, cached, started_at, ended_at)
      values (v_item->>'key', v_chain, v_item->>'step', v_item->>'model', 'finished', (v_item->>'epoch')::integer,
        v_item->'reply', (v_item->>'cached')::boolean, clock_timestamp(), clock_timestamp())
      on conflict (key) do update set
        state = 'finished', model = excluded.model, reply = excluded.reply, cached = excluded.cached,
        error = null, ended_at = excluded.ended_at,
        epoch = case when c.epoch > excluded.epoch or excluded.cached then c.epoch + 1 else excluded.epoch end
      where c.state <> 'finished'
      returning epoch into v_epoch;
      v_taken := found;
      if v_taken then
        if v_epoch <> (v_item->>'epoch')::integer and v_item->>'op' = 'finish' then
          v_events := v_events || jsonb_build_object('o', (v_item->>'o')::numeric - 0.5, 'r', v_item->'r',
            't', 'call.delta', 's', v_item->'step', 'c', v_item->'call', 'e', v_epoch,
            'd', jsonb_build_object('text', v_item->'reply'->'text'));
        end if;
        for v_warning in select value from jsonb_array_elements(settle_call(v_chain, v_item)) loop
          v_events := v_events || (v_warning || jsonb_build_object('o', (v_item->>'last')::numeric + 0.5, 'r', v_item->'r'));
        end loop;
        if v_item ? 'cache' then
          insert into cache (tenant, request_hash, model, reply, cost_usd, expires_at)
          values (v_item->'cache'->>'tenant', v_item->'cache'->>'hash', v_item->>'model', v_item->'reply',
            (v_item->>'cost')::numeric, now() + make_interval(secs => (v_item->'cache'->>'ttl')::double precision))
          on conflict (tenant, request_hash, model) do update set
            reply = excluded.reply, cost_usd = excluded.cost_usd, expires_at = excluded.expires_at;
          delete from flights where tenant = v_item->'cache'->>'tenant' and request_hash = v_item->'cache'->>'hash'
            and model = v_item->>'model' and holder = v_item->>'key';
          perform pg_notify('cadenza_flights', v_item->'cache'->>'hash');
        end if;
      end if;
    end if;
    v_results := v_results || jsonb_build_object('taken', v_taken, 'epoch', case when v_taken then v_epoch end);
  end loop;

  for v_item in select value from jsonb_array_elements(p->'endings') loop
    v_chain := v_chains[(v_item->>'r')::integer];
    update runs set status = v_item->>'status', error = v_item->'error', ended_at = clock_timestamp()
    where chain = v_chain and status <> v_item->>'status' and (status = 'running' or v_item->>'status' = 'completed');
    if found then
      perform release_reservations(array(select call_key from reservations where chain = v_chain));
    else
      v_dropped := v_dropped || (v_item->>'o')::numeric;
    end if;
  end loop;

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
end $$`;

/**
 * As in 0005. A call that comes without its worst case is begun where nobody who pays has a budget; else the answer is
 * priceNeeded, and the call is begun again with it. So nobody counts tokens for runs without budgets, and no budget,
 * however new, is passed by.
 */
const BEGIN = `
create or replace function begin_call(p jsonb) returns jsonb language plpgsql ${PLANS} as $$
declare
  v_chain text := p->'run'->>'chain';
  v_key text := p->>'key';
  v_worst numeric := (p->>'worst')::numeric;
  v_call record;
  v_known boolean;
  v_made text[];
  v_status text;
  v_accounts text[];
  v_over record;
  v_epoch integer := 1;
  v_failures integer := 0;
  v_mid_stream integer := 0;
  v_events jsonb := '[]';
  v_written jsonb;
begin
  select reply into v_call from calls where key = v_key and state = 'finished';
  if found then return jsonb_build_object('state', 'finished', 'reply', v_call.reply); end if;

  v_made := open_runs(jsonb_build_array(p->'run'));
  select status into v_status from runs where chain = v_chain for update;
  if v_made <> '{}' then
    v_events := jsonb_build_array(jsonb_build_object('o', -1, 'r', 1, 'k', 'run.started', 't', 'run.started', 'd',
      jsonb_strip_nulls(jsonb_build_object('pattern', p->'run'->'pattern', 'tenant', p->'run'->'tenant'))));
  end if;
  select state, epoch, failures, mid_stream_failures, holder, reply, error into v_call from calls where key = v_key;
  v_known := found;
  if v_known and v_call.state = 'finished' then
    return jsonb_build_object('state', 'finished', 'reply', v_call.reply);
  end if;
  if v_known and v_call.state = 'open' and v_call.holder = p->>'holder' then
    return jsonb_build_object('state', 'open', 'epoch', v_call.epoch, 'failures', v_call.failures,
      'midStreamFailures', v_call.mid_stream_failures);
  end if;

  perform from reservations where call_key = v_key;
  if not found then
    v_accounts := array(select id from accounts
      where id = any (array(select jsonb_array_elements_text(p->'accounts'))) and budget_usd is not null
      order by id collate "C" for update);
    if v_accounts <> '{}' and v_worst is null then
      perform put_events(array[v_chain], '{}', '{}', p->>'origin', v_events);
      return jsonb_build_object('state', 'priceNeeded', 'account', v_accounts[1]);
    end if;
    if v_accounts <> '{}' then
      select id, spent_usd, reserved_usd, budget_usd into v_over from accounts
      where id = any (v_accounts) and spent_usd + reserved_usd + v_worst > budget_usd limit 1;
      if found then
        perform put_events(array[v_chain], '{}', '{}', p->>'origin', v_events);
        return jsonb_build_object('state', 'overBudget', 'account', v_over.id, 'spent', v_over.spent_usd,
          'reserved', v_over.reserved_usd, 'budget', v_over.budget_usd);
      end if;
      update accounts set reserved_usd = reserved_usd + v_worst where id = any (v_accounts);
      insert into reservations (call_key, chain, amount, accounts) values (v_key, v_chain, v_worst, v_accounts);
    end if;
  end if;

  if not v_known then
    insert into calls (key, chain, step, model, state, epoch, holder, started_at)
    values (v_key, v_chain, p->>'step', p->>'model', 'open', 1, p->>'holder', clock_timestamp());
    v_events := v_events || (p->'first');
  else
    v_epoch := v_call.epoch + case when v_call.state = 'retrying' then 0 else 1 end;
    if v_call.state <> 'failed' then
      v_failures := v_call.failures;
      v_mid_stream := v_call.mid_stream_failures;
    end if;
    update calls set state = 'open', epoch = v_epoch, failures = v_failures, mid_stream_failures = v_mid_stream,
      holder = p->>'holder', model = p->>'model', ended_at = null
    where key = v_key;
    if v_call.state <> 'retrying' then
      v_events := v_events || jsonb_build_object('o', 0, 'r', 1, 't', 'call.retrying', 's', p->'step', 'c', p->'call',
        'e', v_epoch, 'd', jsonb_build_object('model', p->'model', 'delayMs', 0,
          'error', case when v_call.state = 'failed' then v_call.error else p->'lost' end));
    end if;
  end if;
  if v_status <> 'running' then
    update runs set status = 'running', ended_at = null, error = null where chain = v_chain;
  end if;
  v_written := put_events(array[v_chain], case when (p->>'follow')::boolean then array[v_chain] else '{}' end, '{}',
    p->>'origin', v_events);
  return jsonb_build_object('state', 'open', 'epoch', v_epoch, 'failures', v_failures,
    'midStreamFailures', v_mid_stream, 'written', v_written);
end $$`;

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [COLUMNS, OPEN_RUNS, SETTLE, WRITE, BEGIN]) await sql.raw(statement).execute(db);
}
