import type { Command } from 'commander';
import { usageError } from '../failure.ts';
import { printJson, printLine, wantsJson } from '../output.ts';
import { readInput } from '../read-input.ts';
import { withClient } from '../with-client.ts';

interface Flags {
  result?: string;
  error?: string;
}

export function configure(command: Command): void {
  command
    .argument('<id>', 'the id of the run')
    .argument('<toolCall>', 'the id of the tool call, as tool.started tells it')
    .option('--result <json|file|->', 'what the tool gave')
    .option('--error <text>', 'what went wrong: the model is told')
    .addHelpText('after', '\nExample:\n  $ cadenza tool-result agent-42 call_7 --result \'{"seats": 3}\'')
    .action(async (id: string, toolCall: string, { result, error }: Flags) => {
      if ((result === undefined) === (error === undefined)) throw usageError('Give either --result or --error.');
      const given = error === undefined ? { result: await readInput(result!, '--result') } : { error };
      await withClient(async (client) => {
        const receipt = await client.toolResult(id, toolCall, given);
        if (wantsJson(command)) return printJson(receipt);
        printLine(receipt.taken ? `${id} has the result.` : 'Temporal keeps the result until a worker is there.');
      });
    });
}
