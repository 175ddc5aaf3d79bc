/** What all runs of an evaluation together may spend: a run is given its share of what is left when it is started. */
export interface Purse {
  /** of each of so many runs that are started at once, USD; undefined where nothing limits them */
  share(runs: number): number | undefined;
  spend(usd: number | null): void;
  spentUsd(): number;
}

/** A run that finds nothing left still needs a budget, which is more than nothing. */
const LEAST_USD = 1e-9;

export function createPurse(budgetUsd: number | undefined): Purse {
  let spent = 0;
  return {
    share: (runs) => (budgetUsd === undefined ? undefined : Math.max(LEAST_USD, (budgetUsd - spent) / runs)),
    spend(usd) {
      spent += usd ?? 0;
    },
    spentUsd: () => spent,
  };
}
