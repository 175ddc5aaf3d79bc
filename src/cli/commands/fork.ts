import type { Command } from 'commander';
import type { ForkEstimate, ForkRun } from '../../contract/index.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine, wantsJson } from '../output.ts';
import { noteThere } from '../start-run.ts';
import { usd } from '../views/numbers.ts';
import { table } from '../views/table.ts';
import { withClient } from '../with-client.ts';

interface ForkFlags {
  from: string;
  model?: string;
  policy?: string;
  prompt?: string;
  id?: string;
  dryRun?: boolean;
}

export function configure(command: Command): void {
  command
    .argument('<id>', 'the id of the run')
    .requiredOption('--from <step>', 'the step from which on everything is asked anew')
    .option('--model <ref>', 'asks this model in that step, for example anthropic/claude-sonnet-5-5')
    .option('--policy <name>', 'or a policy of the config')
    .option('--prompt <text>', 'asks this in that step')
    .option('--id <id>', 'of the new run; else <id>-fork-<n>')
    .option('--dry-run', 'only say what it would cost')
    .addHelpText('after', '\nExample:\n  $ cadenza fork chain-42 --from draft --model openai/gpt-6-sol --dry-run')
    .action(async (id: string, flags: ForkFlags) => {
      const options = optionsOf(flags);
      await withClient(async (client) => {
        const made = await client.fork(id, options);
        if (!('pattern' in made)) return printEstimate(made, command);
        if (!made.isNew) noteThere(made.id);
        const { pattern, isNew } = made;
        if (wantsJson(command)) printJson({ id: made.id, pattern, isNew });
        else
          printLine(`${made.id} ${isNew ? 'is under way' : 'was made before'}. See it with: cadenza watch ${made.id}`);
      });
    });
}

function optionsOf({ from: fromStep, model, policy, prompt, id, dryRun }: ForkFlags): ForkRun {
  if (model !== undefined && policy !== undefined) throw usageError('Give either --model or --policy.');
  const asked = model ?? policy;
  const overrides = { ...(asked === undefined ? {} : { policy: asked }), ...(prompt === undefined ? {} : { prompt }) };
  return { fromStep, dryRun, id, ...(Object.keys(overrides).length === 0 ? {} : { overrides }) };
}

const COLUMNS = [
  ...[{ head: 'STEP' }, { head: 'MODEL' }],
  ...['ABOUT', 'FROM', 'TO'].map((head) => ({ head, align: 'right' as const })),
];

function printEstimate(estimate: ForkEstimate, command: Command): void {
  if (wantsJson(command)) {
    printJson(estimate);
    return;
  }
  const figures = ({ estimateUsd, lowUsd, highUsd }: Omit<ForkEstimate, 'steps'>) =>
    [estimateUsd, lowUsd, highUsd].map((amount) => usd(amount));
  const lines = estimate.steps.map((call) => [call.step, call.model, ...figures(call)]);
  printLine(table(COLUMNS, [...lines, ['total', '', ...figures(estimate)]]));
}
