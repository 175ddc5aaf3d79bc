import type { Budget } from '../../contract/index.ts';
import { usd } from '../parts/figures.ts';
import { usePolled } from '../parts/polled.ts';

/** What may be spent, is spent and is held, of each tenant and key that has a budget: the fullest first. */
export function BudgetBars() {
  const budgets = usePolled<{ budgets: Budget[] }>('/v1/budgets').value.value?.budgets ?? [];
  if (budgets.length === 0) return undefined;
  const part = ({ budgetUsd, spentUsd, reservedUsd }: Budget) => (spentUsd + reservedUsd) / (budgetUsd || 1);
  return (
    <section aria-labelledby="budgets">
      <h2 id="budgets">Budgets</h2>
      <ul class="budgets">
        {budgets
          .toSorted((a, b) => part(b) - part(a))
          .map((budget) => (
            <BudgetBar key={budget.account} budget={budget} />
          ))}
      </ul>
    </section>
  );
}

function BudgetBar({ budget: { account, budgetUsd, spentUsd, reservedUsd } }: { budget: Budget }) {
  const limit = budgetUsd ?? 0;
  const share = (value: number) => `${limit === 0 ? 100 : Math.min(100, (value / limit) * 100)}%`;
  const used = limit === 0 ? 1 : spentUsd / limit;
  const look = used >= 1 ? 'wrong' : used >= 0.8 ? 'warn' : 'good';
  const held = reservedUsd > 0 ? `, ${usd(reservedUsd)} held for calls in flight` : '';
  return (
    <li>
      <div class="budget-name">
        <span>{account}</span>
        <span class="quiet figures">
          {usd(spentUsd)} of {usd(limit)}
          {held}
        </span>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: a <meter> shows one part, and this one two */}
      <div
        class={`budget-bar ${look}`}
        role="meter"
        aria-label={account}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(Math.min(1, used) * 100)}
        aria-valuetext={`${usd(spentUsd)} of ${usd(limit)}${held}`}
      >
        <span class="budget-held" style={{ width: share(spentUsd + reservedUsd) }} />
        <span class="budget-spent" style={{ width: share(spentUsd) }} />
      </div>
    </li>
  );
}
