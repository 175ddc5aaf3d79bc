import type { Command } from 'commander';
import { printJson, printLine, wantsJson } from '../output.ts';
import { withClient } from '../with-client.ts';

export function configure(command: Command): void {
  command
    .argument('<id>', 'the id of the run')
    .argument('<text>', 'what the agent is told')
    .addHelpText('after', '\nExample:\n  $ cadenza send agent-42 "Leave out what is older than 2020"')
    .action(async (id: string, text: string) => {
      await withClient(async (client) => {
        const receipt = await client.steer(id, text);
        if (wantsJson(command)) return printJson(receipt);
        printLine(receipt.taken ? `${id} reads it at its next turn.` : NOT_TAKEN);
      });
    });
}

const NOT_TAKEN = 'No worker was there to take it: Temporal keeps it for the next one.';
