import type { Command } from 'commander';
import { oneLine, type PendingApproval } from '../../contract/index.ts';
import { plainText, printJson, printLine, wantsJson } from '../output.ts';
import { ago } from '../views/numbers.ts';
import { table } from '../views/table.ts';
import { withClient } from '../with-client.ts';

/** Characters of what is shown that fit into a line. */
const SHOWN = 60;

export function configure(command: Command): void {
  command
    .argument('[id]', 'only those of this run, with all they show')
    .addHelpText('after', '\nExamples:\n  $ cadenza approvals\n  $ cadenza approvals release-42')
    .action(async (id: string | undefined) => {
      await withClient(async (client) => {
        const approvals = await client.approvals(id);
        if (wantsJson(command)) for (const approval of approvals) printJson(approval);
        else if (approvals.length === 0)
          printLine(id === undefined ? 'No run waits for an approval.' : `${id} waits for no approval.`);
        else
          printLine(id === undefined ? approvalTable(approvals, Date.now()) : approvals.map(approvalText).join('\n\n'));
      });
    });
}

const COLUMNS = [{ head: 'RUN' }, { head: 'APPROVAL' }, { head: 'ASKED' }, { head: 'UNTIL' }, { head: 'SHOWS' }];

export function approvalTable(approvals: PendingApproval[], now: number): string {
  return table(
    COLUMNS,
    approvals.map(({ id, approval, requestedAt, expiresAt, show }) => [
      id,
      approval,
      ago(requestedAt, now),
      expiresAt ?? 'for ever',
      oneLine(textOf(show), SHOWN),
    ]),
  );
}

function approvalText({ approval, show, expiresAt, approvers }: PendingApproval): string {
  const until = expiresAt === undefined ? '' : `, until ${expiresAt}`;
  const who = approvers === undefined ? '' : `, of ${approvers.join(', ')}`;
  return `── ${approval}${until}${who}\n${textOf(show)}`;
}

function textOf(show: unknown): string {
  return plainText(typeof show === 'string' ? show : (JSON.stringify(show, null, 2) ?? ''));
}
