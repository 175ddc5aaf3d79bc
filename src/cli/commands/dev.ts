import path from 'node:path';
import type { Command } from 'commander';
import { outliveReader } from '../interruption.ts';
import { printJson, printLine, printNote, wantsJson } from '../output.ts';
import { startOwnProgram } from '../own-program.ts';

// The same program as this one: as far from the build as from the sources.
const CADENZA = path.join(import.meta.dirname, '../../../bin/cadenza.mjs');

export function configure(command: Command): void {
  command
    .argument('[program...]', 'a program of your own to run beside it, as a worker of your workflows')
    .addHelpText(
      'after',
      '\nExamples:\n  $ cadenza dev\n  $ CADENZA_PORT=4200 cadenza dev\n  $ cadenza dev -- node src/worker.ts',
    )
    .action(async (program: string[]) => {
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
      if (program.length > 0) {
        const own = startOwnProgram(program, { ...local, namespace: temporalNamespace }, { ownGroup: true });
        local.accompany(own);
        own.ended.then(
          (exitCode) => printNote(`${program.join(' ')} ended with ${exitCode}`),
          (error: Error) => printNote(error.message),
        );
      }
      await local.stopped;
    });
}
