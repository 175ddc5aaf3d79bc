-- Keeps what became of rows, each once, and counts them. Rows are [{row, answer | error, cost}].
-- Returns the map's sums; report is true for one caller a second, who is to tell readers.
create function end_map_rows(p_chain text, p_rows json) returns json language sql as $$
  with ended as (
    update map_rows m set
      status = case when r.error is null then 'done' else 'failed' end, answer = r.answer, error = r.error
    from json_to_recordset(p_rows) as r(row integer, answer json, error json, cost numeric)
    where m.chain = p_chain and m.row = r.row and m.status = 'waiting'
    returning m.status, r.cost
  ), sums as (
    select count(*) filter (where status = 'done') as done, count(*) filter (where status = 'failed') as failed,
      coalesce(sum(cost), 0) as cost
    from ended
  ), reported as (
    update maps m set
      done = m.done + s.done, failed = m.failed + s.failed, runs_cost_usd = m.runs_cost_usd + s.cost,
      reported_at = case when m.reported_at <= now() - interval '1 second' then now() else m.reported_at end
    from sums s where m.chain = p_chain
    returning m.*, m.reported_at = now() as report
  )
  select json_build_object('done', t.done, 'failed', t.failed, 'total', t.total, 'taken', t.taken, 'report', t.report,
    'seconds', extract(epoch from now() - t.opened_at),
    'cost', case when r.calls > 0 and r.unpriced = r.calls and t.runs_cost_usd = 0 then null
      else coalesce(r.cost_usd, 0) + t.runs_cost_usd end)
  from reported t left join runs r on r.chain = t.chain
$$;
