import type { Command } from 'commander';
import { printJson, printLine, wantsJson } from '../output.ts';
import { withClient } from '../with-client.ts';

interface ApproveFlags {
  reject?: boolean;
  comment?: string;
  by?: string;
}

export function configure(command: Command): void {
  command
    .argument('<id>', 'the id of the run')
    .argument('<approval>', 'the approval: the step that asks')
    .option('--reject', 'say no')
    .option('--comment <text>', 'why')
    .option('--by <name>', 'who says so')
    .addHelpText(
      'after',
      '\nExamples:\n  $ cadenza approve release-42 sign-off --by ann\n  $ cadenza approve release-42 sign-off --reject --comment "The date is wrong"',
    )
    .action(async (id: string, approval: string, { reject = false, comment, by }: ApproveFlags) => {
      await withClient(async (client) => {
        const receipt = await client.approve(id, approval, { approved: !reject, comment, by });
        if (wantsJson(command)) return printJson(receipt);
        const said = `${reject ? 'Rejected' : 'Approved'} ${approval} of ${id}.`;
        printLine(receipt.taken ? said : `${said} No worker was there to take it: Temporal keeps it for the next one.`);
      });
    });
}
