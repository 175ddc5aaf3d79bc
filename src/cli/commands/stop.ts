import type { Command } from 'commander';
import { printJson, printLine, wantsJson } from '../output.ts';
import { withClient } from '../with-client.ts';

export function configure(command: Command): void {
  command
    .argument('<id>', 'the id of the run')
    .addHelpText('after', '\nExample:\n  $ cadenza stop agent-42')
    .action(async (id: string) => {
      await withClient(async (client) => {
        await client.stop(id);
        if (wantsJson(command)) printJson({ id, asked: 'stop' });
        else printLine(`Told ${id} to stop.`);
      });
    });
}
