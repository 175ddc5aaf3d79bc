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
  const guess =
    call.unknownPrice || call.worstCaseUsd === null
      ? ` The price of ${call.model} is not known, so what it needs is a guess: set it under "prices" in the config.`
      : '';
  return {
    type: 'BudgetExceeded',
    message:
      `A call to ${call.model} would go over the budget of ${payerOf(account)}: it needs up to ${usd(call.worstCaseUsd ?? 0)} USD; ` +
      `of ${usd(budget)} USD, ${usd(spent)} are spent and ${usd(reserved)} reserved for calls in flight.`,
    hint: `Raise the budget, or lower maxOutputTokens so that the call may cost less.${guess}`,
    model: call.model,
    step: call.step,
  };
}

/** The same where nobody knows what the call would cost: a budget that may be broken unseen is none. */
export function withoutPrice(call: { step: string; model: string }, { account }: Pick<Budget, 'account'>): CallError {
  return {
    type: 'BudgetExceeded',
    message: `The price of ${call.model} is not known, so no call to it can be held within the budget of ${payerOf(account)}.`,
    hint: `Set the price of ${call.model} under "prices" in the config, or lift the budget.`,
    model: call.model,
    step: call.step,
  };
}

function payerOf(account: string): string {
  return account.startsWith('run:') ? 'the run' : account.replace(':', ' ');
}

/** USD to a millionth, without trailing zeros */
function usd(amount: number): string {
  return amount.toFixed(6).replace(/\.?0+$/, '');
}
