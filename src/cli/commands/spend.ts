import type { Command } from 'commander';
import { type Spend, type SpendLine, SpendQuery } from '../../contract/index.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine, printNote, wantsJson } from '../output.ts';
import { count, usd } from '../views/numbers.ts';
import { table } from '../views/table.ts';
import { withStore } from '../with-client.ts';

export function configure(command: Command): void {
  command
    .option('--from <day>', 'first day, as 2026-11-01; left out, 29 days before the last')
    .option('--to <day>', 'last day; left out, today')
    .option('--by <what>', 'day, model, tenant, key or pattern, or two of them: day,model', 'day')
    .option('--time-zone <name>', 'by which days begin and end', 'UTC')
    .option('--tenant <name>', 'only runs of this tenant')
    .option('--key <name>', 'only runs of this API key')
    .option('--model <ref>', 'only calls to this model')
    .option('--pattern <name>', 'only runs of this pattern')
    .option('--limit <number>', 'how many lines, those that cost most', '100')
    .addHelpText(
      'after',
      '\nExamples:\n  $ cadenza spend --by model\n  $ cadenza spend --from 2026-11-01 --by day,tenant',
    )
    .action(async (flags: object) => {
      const query = SpendQuery.safeParse(flags);
      if (!query.success) {
        const issue = query.error.issues[0]!;
        throw usageError(`--${String(issue.path[0])}: ${issue.message}`);
      }
      const spend = await withStore(({ ledger }) => ledger.spend(query.data));
      if (wantsJson(command)) {
        const { lines, ...whole } = spend;
        for (const line of lines) printJson(line);
        printJson(whole);
        return;
      }
      printLine(spendTable(spend));
      for (const note of notesOf(spend)) printNote(note);
    });
}

function spendTable({ by, lines, total }: Spend): string {
  const columns = [
    ...by.map((name) => ({ head: name.toUpperCase() })),
    ...['CALLS', 'INPUT', 'OUTPUT', 'COST', 'SAVED BY CACHE'].map((head) => ({ head, align: 'right' as const })),
  ];
  const figures = (sums: Spend['total']) => [
    count(sums.calls),
    count(sums.inputTokens),
    count(sums.outputTokens),
    usd(sums.costUsd),
    usd(sums.savedByCacheUsd + sums.savedByProviderUsd + sums.savedByBatchUsd),
  ];
  const named = (line: SpendLine) => by.map((name) => line[name] ?? '-');
  return table(columns, [
    ...lines.map((line) => [...named(line), ...figures(line)]),
    ['total', ...by.slice(1).map(() => ''), ...figures(total)],
  ]);
}

function notesOf({ from, to, timeZone, total, leftOut }: Spend): string[] {
  return [
    `${from} to ${to}, ${timeZone}`,
    ...(leftOut ? [`${count(leftOut)} lines that cost less are left out`] : []),
    ...(total.unpriced > 0 ? [`${count(total.unpriced)} calls have no known price`] : []),
    ...(total.estimated > 0
      ? [`${usd(total.estimatedUsd)} of it, in ${count(total.estimated)} calls, is estimated`]
      : []),
  ];
}
