import type { Command } from 'commander';
import type { ApprovalDecision } from '../../contract/index.ts';
import { printJson, printLine, wantsJson } from '../output.ts';
import { readInput } from '../read-input.ts';
import { withClient } from '../with-client.ts';

interface ApproveFlags {
  reject?: boolean;
  comment?: string;
  by?: string;
  arguments?: string;
}

export function configure(command: Command): void {
  command
    .argument('<id>', 'the id of the run')
    .argument('<approval>', 'the approval: the step that asks')
    .option('--reject', 'say no')
    .option('--comment <text>', 'why')
    .option('--by <name>', 'who says so')
    .option('--arguments <json>', 'what a tool is called with instead, as a JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  $ cadenza approve release-42 sign-off --by ann\n  $ cadenza approve release-42 sign-off --reject --comment "The date is wrong"',
    )
    .action(async (id: string, approval: string, { reject = false, comment, by, arguments: json }: ApproveFlags) => {
      const changed = json === undefined ? undefined : ((await readInput(json)) as ApprovalDecision['arguments']);
      await withClient(async (client) => {
        const receipt = await client.approve(id, approval, { approved: !reject, comment, by, arguments: changed });
        if (wantsJson(command)) return printJson(receipt);
        const said = `${reject ? 'Rejected' : 'Approved'} ${approval} of ${id}.`;
        printLine(receipt.taken ? said : `${said} No worker was there to take it: Temporal keeps it for the next one.`);
      });
    });
}
