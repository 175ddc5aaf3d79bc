import { usageError } from './failure.ts';

/** The value of `--budget`. */
export function asUsd(given: string): number {
  const amount = Number(given);
  if (!(amount > 0) || !Number.isFinite(amount)) throw usageError(`--budget ${given} is no number of USD above 0.`);
  return amount;
}
