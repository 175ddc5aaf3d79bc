import type { Command } from 'commander';
import type { Bill } from '../../contract/index.ts';
import { printJson, printLine, wantsJson } from '../output.ts';
import { count, usd } from '../views/numbers.ts';
import { table } from '../views/table.ts';
import { withClient, withStore } from '../with-client.ts';

export function configure(command: Command): void {
  command
    .argument('<id>', 'the id of the run')
    .addHelpText('after', '\nExample:\n  $ cadenza bill ask-42')
    .action(async (id: string) => {
      const stored = await withStore(async ({ runs, ledger }) => {
        const run = await runs.find(id);
        return run && ledger.bill(run.chain);
      });
      // One that has not reached a worker yet is known to Temporal alone.
      const bill = stored ?? (await withClient((client) => client.bill(id)));
      if (wantsJson(command)) printJson(bill);
      else printLine(billTable(bill));
    });
}

const COLUMNS = [
  ...[{ head: 'STEP' }, { head: 'MODEL' }],
  ...['INPUT', 'OUTPUT', 'COST'].map((head) => ({ head, align: 'right' as const })),
];

export function billTable(bill: Bill): string {
  const lines = bill.calls.map(({ step, model, usage, costUsd, cached, batch, estimated }) => [
    step,
    // A call that was cut has no usage of the provider's: what had streamed is counted.
    `${model}${cached ? ' (cached)' : ''}${batch ? ' (batch)' : ''}${estimated ? ' (estimated)' : ''}`,
    count(usage.inputTokens),
    count(usage.outputTokens),
    usd(costUsd),
  ]);
  const total = ['total', '', count(bill.inputTokens), count(bill.outputTokens), usd(bill.totalUsd)];
  const { unpriced, savedByBatchUsd: saved } = bill;
  return [
    table(COLUMNS, [...lines, total]),
    ...(saved === undefined ? [] : [`Batches saved ${usd(saved)}.`]),
    ...(unpriced === 0 ? [] : [`${unpriced} ${unpriced === 1 ? 'call has' : 'calls have'} no known price.`]),
  ].join('\n');
}
