import type { Command } from 'commander';
import { type AuditEntry, AuditQuery } from '../../contract/index.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine, printNote, wantsJson } from '../output.ts';
import { table } from '../views/table.ts';
import { withStore } from '../with-client.ts';

const COLUMNS = ['AT', 'WHO', 'FROM', 'ACTION', 'SUBJECT', 'DETAILS'].map((head) => ({ head }));

export function configure(command: Command): void {
  command
    .option('--action <name>', 'approval.answer, run.cancel, run.stop, run.fork, budget.set, key.create, …')
    .option('--subject <id>', 'a run’s id, tenant:<name> or key:<name>')
    .option('--actor <name>', 'key:<name>, user:<name>@<host>, anyone, signed')
    .option('--tenant <name>', 'only what is this tenant’s')
    .option('--since <time>', 'ISO 8601, as 2026-11-01T00:00:00Z')
    .option('--until <time>', 'ISO 8601')
    .option('--before <n>', 'lines older than this one')
    .option('--limit <number>', 'how many lines, newest first', '100')
    .addHelpText(
      'after',
      '\nExamples:\n  $ cadenza audit --action key.create\n  $ cadenza audit --subject acme:report-7 --json',
    )
    .action(async (flags: object) => {
      const query = AuditQuery.safeParse(flags);
      if (!query.success) {
        const issue = query.error.issues[0]!;
        throw usageError(`--${String(issue.path[0])}: ${issue.message}`);
      }
      const { entries, nextBefore } = await withStore(({ audit }) => audit.list(query.data));
      if (wantsJson(command)) for (const entry of entries) printJson(entry);
      else if (entries.length === 0) printNote('The audit log has no such line.');
      else printLine(table(COLUMNS, entries.map(rowOf)));
      if (nextBefore !== undefined) printNote(`There are older ones: --before ${nextBefore}`);
    });
}

function rowOf({ at, actor, role, via, address, action, subject, details, refused }: AuditEntry): string[] {
  const told = Object.entries(details).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  const from = address === undefined ? via : `${via} ${address}`;
  return [
    at,
    `${actor} (${role})`,
    from,
    action,
    subject,
    [...told, refused && `refused: ${refused}`].filter(Boolean).join(', '),
  ];
}
