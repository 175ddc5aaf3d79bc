import { Budget, BudgetAccount, SetBudget } from '../contract/index.ts';
import type { AccountId, Store } from '../store/index.ts';
import { checked } from './errors.ts';

/** What tenants (`tenant:<name>`) and API keys (`key:<name>`) may spend, all their runs together. */
export interface Budgets {
  /** Those that have a limit, by name: at most 1,000. */
  list(): Promise<Budget[]>;
  /** @throws CadenzaError InvalidRequest for what is no account */
  show(account: string): Promise<Budget>;
  /** Holds for calls that begin from now on; what was spent before counts. @param usd null lifts the limit */
  set(account: string, usd: number | null): Promise<Budget>;
}

const LISTED = 1_000;

export function createBudgets({ ledger }: Pick<Store, 'ledger'>): Budgets {
  async function show(account: string): Promise<Budget> {
    const id = accountId(account);
    const { budgetUsd = null, spentUsd = 0, reservedUsd = 0 } = (await ledger.account(id)) ?? {};
    return Budget.parse({ account, budgetUsd, spentUsd, reservedUsd });
  }
  return {
    async list() {
      const accounts = await ledger.budgets(LISTED);
      return accounts.map(({ id, budgetUsd, spentUsd, reservedUsd }) =>
        Budget.parse({ account: id, budgetUsd, spentUsd, reservedUsd }),
      );
    },
    show,
    async set(account, usd) {
      const id = accountId(account);
      checked(SetBudget, { budgetUsd: usd }, '');
      await ledger.setBudget(id, usd ?? undefined);
      return show(account);
    },
  };
}

function accountId(account: string): AccountId {
  return checked(BudgetAccount, account, 'account') as AccountId;
}
