-- Numbers events, writes them and tells the listeners. The runs' rows are locked by the caller.
-- An event is {o: order, r: index into p_chains, k: key, t: type, s: step, c: call, e: epoch, d: data}; one whose key
-- the run has already is left out, and so is the late text of a run in p_ended.
-- Returns what was written of the runs in p_followed. Notified are the processes of readers: of runs that another process
-- follows, and of runs that begin, which readers may wait for by their id. The lock lets no follower go unseen.
create function put_events(p_chains text[], p_followed text[], p_ended text[], p_origin text, p_events jsonb)
returns jsonb language plpgsql as $$
declare
  v_now timestamptz(3) := clock_timestamp();
  v_written jsonb;
  v_lines text[];
begin
  with offered as (
    select e.o, p_chains[e.r] as chain, e.k, e.t, e.s, e.c, e.e, coalesce(e.d, '{}') as d,
      row_number() over (partition by e.r, e.k order by e.o) as nth
    from jsonb_to_recordset(p_events) as e(o numeric, r integer, k text, t text, s text, c text, e integer, d jsonb)
  ), accepted as (
    select o.*, row_number() over (partition by o.chain order by o.o) as n
    from offered o
    where (o.k is null
        or (o.nth = 1 and (select true from events x where x.chain = o.chain and x.key = o.k limit 1) is null))
      and not (o.t in ('call.delta', 'call.reasoning') and o.chain = any (p_ended))
  ), written as (
    insert into events (chain, seq, at, type, step, call, epoch, key, data)
    select a.chain, (select r.seq from runs r where r.chain = a.chain) + a.n, v_now, a.t, a.s, a.c, a.e, a.k, a.d
    from accepted a
    order by a.o
    returning chain, seq, at, type, step, call, epoch, data
  ), grown as (
    update runs r set seq = r.seq + g.n
    from (select chain, count(*) as n from accepted group by chain) g
    where r.chain = g.chain
    returning r.chain, r.seq, r.id
  )
  select
    (select jsonb_agg(to_jsonb(w) order by w.chain, w.seq) from written w where w.chain = any (p_followed)),
    (select array_agg(g.chain || ' ' || g.seq || ' ' || g.id) from grown g
      where (select true from followers f
          where f.chain = g.chain and f.origin <> p_origin and f.until > v_now limit 1)
        or exists (select from accepted a where a.chain = g.chain and a.t = 'run.started'))
  into v_written, v_lines;

  if v_lines is not null then
    -- a notification holds at most 8,000 bytes
    perform pg_notify('cadenza_events', p_origin || E'\n' || string_agg(line, E'\n'))
    from (
      select line, sum(octet_length(line) + 1) over (order by ordinality) / 6000 as part
      from unnest(v_lines) with ordinality as l(line, ordinality)
    ) parts
    group by part;
  end if;
  return coalesce(v_written, '[]');
end $$;
