import type { Command } from 'commander';
import { chainGraph, invalidRequest, PATTERNS } from '../../contract/index.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine, wantsJson } from '../output.ts';
import { readInput } from '../read-input.ts';

export function configure(command: Command): void {
  command
    .requiredOption('--input <json|file|->', 'the chain')
    .addHelpText('after', '\nExample:\n  $ cadenza graph --input examples/chain/input.json > chain.mmd')
    .action(async ({ input }: { input: string }) => {
      const chain = PATTERNS.chain.input.safeParse(await readInput(input));
      if (!chain.success) throw usageError(invalidRequest(chain.error).message);
      const mermaid = chainGraph(chain.data);
      if (wantsJson(command)) printJson({ mermaid });
      else printLine(mermaid);
    });
}
