import type { Command } from 'commander';
import { printJson, printLine, wantsJson } from '../output.ts';
import { withClient } from '../with-client.ts';

export function addCancel(program: Command): void {
  program
    .command('cancel')
    .description('Ask a run to stop; its calls in flight are aborted')
    .argument('<id>', 'the id of the run')
    .addHelpText('after', '\nExample:\n  $ cadenza cancel ask-42')
    .action(async (id: string, _flags: object, command: Command) => {
      await withClient(async (client) => {
        await client.cancel(id);
        if (wantsJson(command)) printJson({ id, asked: 'cancel' });
        else printLine(`Asked ${id} to stop.`);
      });
    });
}
