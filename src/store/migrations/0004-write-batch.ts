import { type Kysely, sql } from 'kysely';
import { PLANS } from './plans.ts';

/**
 * One flush of a process's writer: the work of all its runs, once, in the order it was given.
 *
 * p is {writer, batch, runs, calls, endings, events}. Events as in put_events, and with `i` they hang on the outcome of
 * calls[i]. Calls are {op: finish | cached | fail, o, r, key, ...}; endings {o, r, status, error}.
 * A batch number seen before is a repetition after a lost connection: what it did then is returned, and nothing done.
 */
const WRITE = `
create function write_batch(p jsonb) returns jsonb language plpgsql ${PLANS} as $$
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

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(WRITE).execute(db);
}
