import { Budget, BudgetAccount, type Caller, ownName, SetBudget } from '../contract/index.ts';
import type { AccountId, Store } from '../store/index.ts';
import { auditedBy } from './audited.ts';
import { type CadenzaError, checked, refusal } from './errors.ts';

/** What tenants (`tenant:<name>`) and API keys (`key:<name>`) may spend, all their runs together. */
export interface Budgets {
  /** Those that have a limit, by name: at most 1,000. */
  list(): Promise<Budget[]>;
  /** @throws CadenzaError InvalidRequest for what is no account, NotFound for what is not the tenant's */
  show(account: string): Promise<Budget>;
  /** Holds for calls that begin from now on; what was spent before counts. @param usd null lifts the limit
   *  @throws CadenzaError Forbidden where a tenant would set its own */
  set(account: string, usd: number | null): Promise<Budget>;
}

const LISTED = 1_000;

/** Accounts of the caller's tenant: its own, and those of its keys; of a caller without one, all. */
export function createBudgets(store: Pick<Store, 'ledger' | 'keys' | 'audit'>, caller: Caller): Budgets {
  const { ledger, keys } = store;
  const { tenant } = caller;
  const audited = auditedBy(store, caller);

  async function accountId(given: string): Promise<AccountId> {
    const account = checked(BudgetAccount, given, 'account') as AccountId;
    const [, key] = /^key:(.*)$/.exec(account) ?? [];
    if (tenant === undefined || account === `tenant:${tenant}`) return account;
    const own = await keys.find(ownName(key ?? '', tenant), tenant);
    if (key !== undefined && own) return `key:${own.name}`;
    const hint = `Ask for tenant:${tenant}, or key:<name> of one of its keys`;
    throw refusal('NotFound', `No account "${account}"`, { path: 'account', hint });
  }

  async function show(given: string): Promise<Budget> {
    const id = await accountId(given);
    const { budgetUsd = null, spentUsd = 0, reservedUsd = 0 } = (await ledger.account(id)) ?? {};
    return Budget.parse({ account: id, budgetUsd, spentUsd, reservedUsd });
  }
  return {
    async list() {
      const accounts = await ledger.budgets(LISTED, tenant);
      return accounts.map(({ id, budgetUsd, spentUsd, reservedUsd }) =>
        Budget.parse({ account: id, budgetUsd, spentUsd, reservedUsd }),
      );
    },
    show,
    async set(account, usd) {
      const id = await accountId(account);
      if (tenant !== undefined && id === `tenant:${tenant}`) throw ownBudget(tenant);
      checked(SetBudget, { budgetUsd: usd }, '');
      const whose = /^tenant:(.*)$|^key:(.*):/.exec(id)?.slice(1).find(Boolean);
      await audited({ action: 'budget.set', subject: id, tenant: whose, details: { budgetUsd: usd } }, () =>
        ledger.setBudget(id, usd ?? undefined),
      );
      return show(account);
    },
  };
}

function ownBudget(tenant: string): CadenzaError {
  const hint = 'Who runs this installation sets it: npx cadenza budget set';
  return refusal('Forbidden', `The tenant ${tenant} does not set its own budget`, { hint });
}
