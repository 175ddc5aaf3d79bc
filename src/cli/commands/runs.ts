import type { Command } from 'commander';
import { listRuns } from '../../client/list-runs.ts';
import { ListRuns, type RunInfo } from '../../contract/index.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine, printNote, wantsJson } from '../output.ts';
import { ago, usd } from '../views/numbers.ts';
import { table } from '../views/table.ts';
import { withStore } from '../with-client.ts';

export function configure(command: Command): void {
  command
    .option('--pattern <name>', 'only runs of this pattern')
    .option('--status <status>', 'only running, completed, failed or cancelled ones')
    .option('--tenant <name>', 'only runs of this tenant')
    .option('--model <ref>', 'only runs that asked this model')
    .option('--text <text>', 'only runs with this in their id')
    .option('--since <time>', 'only runs begun then or later, as 2026-11-01T00:00:00Z')
    .option('--until <time>', 'only runs begun before')
    .option('--min-cost-usd <usd>', 'only runs that cost so much or more')
    .option('--limit <number>', 'how many, at most 200', '20')
    .option('--cursor <cursor>', 'go on where the last list ended')
    .addHelpText('after', '\nExamples:\n  $ cadenza runs --status failed\n  $ cadenza runs --json | head -3')
    .action(async (flags: object) => {
      const query = ListRuns.safeParse(flags);
      if (!query.success) {
        const issue = query.error.issues[0]!;
        throw usageError(`--${String(issue.path[0])}: ${issue.message}`);
      }
      const { runs, nextCursor } = await withStore((store) => listRuns(store.runs, query.data));
      if (wantsJson(command)) {
        for (const run of runs) printJson(run);
        if (nextCursor !== undefined) printJson({ nextCursor });
        return;
      }
      printLine(runs.length === 0 ? 'There are no runs.' : runTable(runs, Date.now()));
      if (nextCursor !== undefined) printNote(`More: cadenza runs --cursor ${nextCursor}`);
    });
}

const COLUMNS = [
  ...[
    { head: 'RUN' },
    { head: 'PATTERN' },
    { head: 'PROMPT' },
    { head: 'STATUS' },
    { head: 'STARTED' },
    { head: 'MODELS' },
  ],
  { head: 'COST', align: 'right' as const },
];

export function runTable(runs: RunInfo[], now: number): string {
  return table(
    COLUMNS,
    runs.map(({ id, pattern, promptHash = '', status, startedAt, models, costUsd, error }) => [
      id,
      pattern,
      promptHash.slice(0, 8),
      error ? `${status}, ${error.type}` : status,
      ago(startedAt, now),
      models.join(', '),
      usd(costUsd),
    ]),
  );
}
