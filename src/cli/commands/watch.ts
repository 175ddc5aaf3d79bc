import type { Command } from 'commander';
import { usageError } from '../failure.ts';
import { wantsJson } from '../output.ts';
import { watchJson, watchWords } from '../watch-run.ts';
import { withClient } from '../with-client.ts';

export function configure(command: Command): void {
  command
    .argument('<id>', 'the id of the run')
    .option('--after <number>', 'begin after the event of this number', asCursor)
    .addHelpText('after', '\nExamples:\n  $ cadenza watch ask-42\n  $ cadenza watch ask-42 --json --after 10')
    .action(async (id: string, { after }: { after?: number }) => {
      await withClient(async (client, target) => {
        await client.show(id);
        await (wantsJson(command) ? watchJson : watchWords)({ client, target, id, after });
      });
    });
}

function asCursor(given: string): number {
  if (/^\d+$/.test(given)) return Number(given);
  throw usageError(`--after ${given} is no number of an event.`);
}
