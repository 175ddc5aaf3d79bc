import type { PolicyRef } from '../contract/index.ts';
import { usageError } from './failure.ts';

/** What flags of several commands stand for. @throws CliFailure naming the flag and what was given */

/** The value of `--budget`, USD. */
export function asUsd(given: string): number {
  const amount = Number(given);
  if (amount > 0 && Number.isFinite(amount)) return amount;
  throw usageError(`--budget ${given} is no number of USD above 0.`);
}

/** The value of `--policy`: the name of one in the config, or models in the order to try them. */
export function asPolicy(given: string): PolicyRef {
  return given.includes('/') || given.includes(',') ? { candidates: asList(given) } : given;
}

/** Words with commas between them. */
export function asList(given: string): string[] {
  return given
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean);
}

export function asPort(given: string): number {
  const port = Number(given);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw usageError(`--port ${given} is no port: a number from 0 to 65535.`);
}

/** A flag that several commands have, with its help and how it is read. */
export const BUDGET_FLAG = ['--budget <usd>', 'the most it may spend', asUsd] as const;
export const POLICY_FLAG = [
  '--policy <name|models>',
  'a policy of the config, or models in the order to try them: a/b,c/d',
  asPolicy,
] as const;
