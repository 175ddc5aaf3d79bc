import type { Command } from 'commander';
import { usageError } from '../failure.ts';
import { wantsJson } from '../output.ts';
import { showRun } from '../show-run.ts';
import { withClient } from '../with-client.ts';

export function configure(command: Command): void {
  command
    .argument('<id>', 'the id of the run')
    .option('--after <number>', 'begin after the event of this number', asCursor)
    .addHelpText('after', '\nExamples:\n  $ cadenza watch ask-42\n  $ cadenza watch ask-42 --json --after 10')
    .action(async (id: string, { after }: { after?: number }) => {
      await withClient(async (client, target) => {
        const { pattern } = await client.show(id);
        await showRun({ client, target, id, after, pattern }, { watch: true, json: wantsJson(command) });
      });
    });
}

function asCursor(given: string): number {
  if (/^\d+$/.test(given)) return Number(given);
  throw usageError(`--after ${given} is no number of an event.`);
}
