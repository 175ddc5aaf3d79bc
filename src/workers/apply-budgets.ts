import type { Config } from '../config/index.ts';
import type { Store } from '../store/index.ts';

/** Sets the budgets the config names, before any call can begin; those it does not name stay as they are. */
export async function applyBudgets(
  { ledger }: Pick<Store, 'ledger'>,
  { tenants, keys }: Config['budgets'],
): Promise<void> {
  for (const [name, usd] of Object.entries(tenants)) await ledger.setBudget(`tenant:${name}`, usd);
  for (const [name, usd] of Object.entries(keys)) await ledger.setBudget(`key:${name}`, usd);
}
