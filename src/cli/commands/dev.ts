import path from 'node:path';
import type { Command } from 'commander';
import { outliveReader } from '../interruption.ts';
import { printJson, printLine, wantsJson } from '../output.ts';

// The same program as this one: as far from the build as from the sources.
const CADENZA = path.join(import.meta.dirname, '../../../bin/cadenza.mjs');

export function configure(command: Command): void {
  command.addHelpText('after', '\nExamples:\n  $ cadenza dev\n  $ CADENZA_PORT=4200 cadenza dev').action(async () => {
    outliveReader();
    const json = wantsJson(command);
    const { startLocal } = await import('../../local/index.ts');
    const local = await startLocal({
      env: process.env,
      log: json ? (message) => printJson({ message }) : printLine,
      server: { script: CADENZA, args: ['serve', '--embedded'] },
    });
    if (!local) return;
    const { url, temporalAddress, temporalNamespace, uiUrl } = local;
    if (json) printJson({ ready: true, url, temporalAddress, temporalNamespace, uiUrl });
    await local.stopped;
  });
}
