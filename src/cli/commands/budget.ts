import type { Command } from 'commander';
import { createBudgets } from '../../client/budgets.ts';
import type { Budget } from '../../contract/index.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine, wantsJson } from '../output.ts';
import { usd } from '../views/numbers.ts';
import { CLI, withStore } from '../with-client.ts';

const ACCOUNT = ['<account>', 'tenant:<name>, or key:<name> of an API key'] as const;

export function configure(budget: Command): void {
  budget.addHelpText(
    'after',
    `
Examples:
  $ cadenza budget set tenant:acme 50
  $ cadenza budget set tenant:acme none
  $ cadenza budget show tenant:acme`,
  );

  budget
    .command('show')
    .description('Show a budget, what is spent of it, and what is held for calls in flight')
    .argument(...ACCOUNT)
    .action(async (account: string, _flags: object, command: Command) => {
      await withStore(async (store) => print(await createBudgets(store, CLI).show(account), command));
    });

  budget
    .command('set')
    .description('Set the most it may spend in all; what was spent before counts')
    .argument(...ACCOUNT)
    .argument('<usd>', 'USD, or none to lift the limit')
    .action(async (account: string, given: string, _flags: object, command: Command) => {
      const limit = asLimit(given);
      await withStore(async (store) => print(await createBudgets(store, CLI).set(account, limit), command));
    });
}

function asLimit(given: string): number | null {
  if (given === 'none') return null;
  const amount = Number(given);
  if (given.trim() !== '' && amount >= 0 && Number.isFinite(amount)) return amount;
  throw usageError(`${given} is no number of USD, 0 or more.`, 'To lift a limit: cadenza budget set <account> none');
}

function print(budget: Budget, command: Command): void {
  if (wantsJson(command)) {
    printJson(budget);
    return;
  }
  const { account, budgetUsd, spentUsd, reservedUsd } = budget;
  const limit = budgetUsd === null ? 'no limit' : `a budget of ${usd(budgetUsd)}`;
  printLine(`${account}: ${limit}, ${usd(spentUsd)} spent, ${usd(reservedUsd)} held for calls in flight`);
}
