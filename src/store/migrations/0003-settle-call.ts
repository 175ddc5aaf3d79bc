import { type Kysely, sql } from 'kysely';
import { PLANS } from './plans.ts';

/** Gives back the money held for calls. */
const RELEASE = `
create function release_reservations(p_keys text[]) returns void language plpgsql ${PLANS} as $$
begin
  with gone as (
    delete from reservations where call_key = any (p_keys) returning amount, accounts
  ), sums as (
    select account, sum(gone.amount) as amount from gone, unnest(gone.accounts) as account group by account
  )
  update accounts a set reserved_usd = a.reserved_usd - s.amount from sums s where a.id = s.account;
end $$`;

/**
 * Books a finished call: bill line, the run's sums, what its accounts spent. A call of unknown cost is charged what was
 * held for it. Returns the budget.warning events this brings, each account's once.
 */
const SETTLE = `
create function settle_call(p_chain text, p_call jsonb) returns jsonb language plpgsql ${PLANS} as $$
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

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(RELEASE).execute(db);
  await sql.raw(SETTLE).execute(db);
}
