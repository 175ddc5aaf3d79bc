-- Keeps limits that a provider told, for so long, and what it has counted up to now where they were not known before: others use
-- them up, too. p is {scope, limits, used: {requests, inputTokens, outputTokens}, resetMs, keptMs}.
create function learn_limits(p jsonb) returns void language plpgsql as $$
declare
  v_scope text := p->>'scope';
  v_now timestamptz(3);
  v_known boolean;
  v_used record;
begin
  perform set_config('synchronous_commit', 'off', true);
  perform pg_advisory_xact_lock(hashtextextended('cadenza_limits ' || split_part(v_scope, '/', 1), 0));
  v_now := clock_timestamp();
  v_known := exists (select from learned_limits where scope = v_scope and expires_at > v_now);
  insert into learned_limits (scope, limits, expires_at)
  values (v_scope, p->'limits', v_now + make_interval(secs => (p->>'keptMs')::double precision / 1000))
  on conflict (scope) do update set limits = excluded.limits, expires_at = excluded.expires_at;
  if not v_known then
    select coalesce(sum(requests), 0) as requests, coalesce(sum(input_tokens), 0) as input, coalesce(sum(output_tokens), 0) as output
    into v_used from limit_uses where scope = v_scope and until > v_now;
    insert into limit_uses as u (scope, until, requests, input_tokens, output_tokens)
    values (v_scope, v_now + make_interval(secs => (p->>'resetMs')::double precision / 1000),
      greatest(0, coalesce((p->'used'->>'requests')::bigint, 0) - v_used.requests),
      greatest(0, coalesce((p->'used'->>'inputTokens')::bigint, 0) - v_used.input),
      greatest(0, coalesce((p->'used'->>'outputTokens')::bigint, 0) - v_used.output))
    on conflict (scope, until) do nothing;
  end if;
  perform pg_notify('cadenza_learned', v_scope || E'\n' || (p->'limits')::text || E'\n' || (p->>'keptMs'));
end $$;
