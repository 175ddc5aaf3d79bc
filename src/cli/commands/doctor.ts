import { styleText } from 'node:util';
import type { Command } from 'commander';
import { checkAll, type Finding } from '../checks/index.ts';
import { CliFailure } from '../failure.ts';
import { printJson, printLine, wantsJson } from '../output.ts';

export function configure(command: Command): void {
  command
    .option('--fix', 'register missing search attributes, and bring the database up to date')
    .addHelpText('after', '\nExamples:\n  $ cadenza doctor\n  $ cadenza doctor --fix')
    .action(async ({ fix = false }: { fix?: boolean }) => {
      const findings = await checkAll({ env: process.env, cwd: process.cwd(), fix });
      for (const finding of findings) {
        if (wantsJson(command)) printJson(finding);
        else printLine(findingLine(finding));
      }
      const broken = findings.filter(({ state }) => state === 'broken');
      if (broken.length > 0) throw new CliFailure(`Broken: ${broken.map(({ check }) => check).join(', ')}`);
    });
}

const MARKS = { ok: ['green', '✓'], warning: ['yellow', '!'], broken: ['red', '✗'] } as const;

function findingLine({ check, state, detail, mend }: Finding): string {
  const [color, mark] = MARKS[state];
  const marked = styleText(color, mark, { stream: process.stdout });
  return `${marked} ${check}: ${detail}${mend ? `. Mend it: ${mend}` : ''}`;
}
