-- Books what attempts cost on the accounts that pay, and gives back the money held for calls that ended: once a batch,
-- so that the row of an account many runs share is locked for a moment only. Tenants and keys have a row from their
-- first call on, whether they have a budget or not: so a budget set later need not sum up the ledger.
--
-- Charges are [{o: order, r: index of the run, chain, accounts: [id], usd}]. Returns the budget.warning events this
-- brings, each account's once, in the run whose call brought it to four fifths.
create function settle_accounts(p_charges jsonb, p_released text[]) returns jsonb language plpgsql as $$
declare
  v_released jsonb;
  v_ids text[];
  v_warnings jsonb;
begin
  with gone as (
    delete from reservations where call_key = any (p_released) returning amount, accounts
  )
  select coalesce(jsonb_agg(to_jsonb(gone)), '[]') into v_released from gone;
  v_ids := array(
    select distinct account collate "C" as account
    from jsonb_array_elements(p_charges || v_released) c, jsonb_array_elements_text(c->'accounts') as account
    -- most runs have no budget of their own
    where account not like 'run:%' or (select true from accounts a where a.id = account) is not null
    order by account);
  if v_ids = '{}' then return '[]'; end if;

  insert into accounts (id)
  select charged.id from unnest(v_ids) as charged(id)
  where (select true from accounts a where a.id = charged.id) is null
  on conflict (id) do nothing;
  perform from accounts where id = any (v_ids) order by id collate "C" for update;

  update accounts a set reserved_usd = a.reserved_usd - held.usd
  from (
    select account, sum(amount) as usd
    from jsonb_to_recordset(v_released) as r(amount numeric, accounts text[]), unnest(r.accounts) as account
    group by account
  ) held
  where a.id = held.account;

  with charges as (
    select account, c.o, c.r, c.chain, c.usd, sum(c.usd) over (partition by account order by c.o, c.r) as upto
    from jsonb_to_recordset(p_charges) as c(o numeric, r integer, chain text, accounts text[], usd numeric),
      unnest(c.accounts) as account
  ), crossings as (
    select distinct on (a.id) a.id, c.o, c.r, c.chain, a.spent_usd + c.upto as spent, a.budget_usd as budget
    from charges c join accounts a on a.id = c.account
    where not a.warned and a.spent_usd + c.upto >= 0.8 * a.budget_usd
    order by a.id, c.o, c.r
  ), charged as (
    update accounts a set
      spent_usd = a.spent_usd + s.usd,
      warned = a.warned or (select true from crossings x where x.id = a.id) is not null
    from (select account, sum(usd) as usd from charges group by account) s
    where a.id = s.account
  )
  select jsonb_agg(jsonb_build_object('o', o, 'r', r, 't', 'budget.warning', 'd', jsonb_build_object(
      'scope', case when id = 'run:' || chain then 'run' else id end, 'spentUsd', spent, 'budgetUsd', budget))
      order by id)
    into v_warnings
  from crossings;
  return coalesce(v_warnings, '[]');
end $$;
