import type { Command } from 'commander';
import { asList } from '../flags.ts';
import { wantsJson } from '../output.ts';
import { showRun } from '../show-run.ts';
import { startRun } from '../start-run.ts';
import { withClient } from '../with-client.ts';

interface CompareFlags {
  models: string[];
  judge?: string;
  merge?: string;
  system?: string;
  id?: string;
}

export function configure(command: Command): void {
  command
    .argument('<prompt>', 'what to ask')
    .requiredOption('-m, --models <a,b,c>', 'the models, with commas between them', asList)
    .option('--judge <model>', 'a model or policy that says which answer is best')
    .option('--merge <model>', 'a model or policy that makes one answer of all')
    .option('--system <text>', 'instructions for each of them')
    .option('--id <id>', 'the id of the run; given twice, the same run')
    .addHelpText(
      'after',
      `
Examples:
  $ cadenza compare "Why do rivers bend?" --models sandbox/gpt,sandbox/claude,sandbox/gemini
  $ cadenza compare "Name a river" --models openai/gpt-6-sol,anthropic/claude-sonnet-5-5 --judge strong --json`,
    )
    .action(async (prompt: string, { id, ...flags }: CompareFlags) => {
      await withClient(async (client, target) => {
        const run = await startRun(client, 'compare', { prompt, ...flags }, { id });
        const shown = { client, target, id: run.id, pattern: 'compare', models: flags.models };
        const json = wantsJson(command);
        await showRun(shown, { watch: !json, json });
      });
    });
}
