import type { CallError } from '../contract/index.ts';

interface Budget {
  account: string;
  spent: number;
  reserved: number;
  budget: number;
}

/** What a person reads whose call was not made for want of money. */
export function overBudget(
  call: { step: string; model: string; worstCaseUsd: number | null; unknownPrice?: boolean },
  { account, spent, reserved, budget }: Budget,
): CallError {
  const payer = account.startsWith('run:') ? 'the run' : account.replace(':', ' ');
  const guess =
    call.unknownPrice || call.worstCaseUsd === null
      ? ` The price of ${call.model} is not known, so what it needs is a guess: set it under "prices" in the config.`
      : '';
  return {
    type: 'BudgetExceeded',
    message:
      `A call to ${call.model} would go over the budget of ${payer}: it needs up to ${usd(call.worstCaseUsd ?? 0)} USD; ` +
      `of ${usd(budget)} USD, ${usd(spent)} are spent and ${usd(reserved)} reserved for calls in flight.`,
    hint: `Raise the budget, or lower maxOutputTokens so that the call may cost less.${guess}`,
    model: call.model,
    step: call.step,
  };
}

/** USD to a millionth, without trailing zeros */
function usd(amount: number): string {
  return amount.toFixed(6).replace(/\.?0+$/, '');
}
