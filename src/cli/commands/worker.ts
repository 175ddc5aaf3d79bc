import type { Command } from 'commander';
import { findTarget } from '../find-target.ts';
import { outliveReader, stopRequested } from '../interruption.ts';
import { openLog } from '../log.ts';
import { printJson, printLine, wantsJson } from '../output.ts';
import { launchWorker } from '../services.ts';

export function configure(command: Command): void {
  command
    .option('--task-queue <name>', 'the queue it takes its work from')
    .addHelpText(
      'after',
      '\nExample:\n  $ TEMPORAL_ADDRESS=temporal:7233 CADENZA_DATABASE_URL=postgres://... cadenza worker',
    )
    .action(async ({ taskQueue }: { taskQueue?: string }) => {
      outliveReader();
      const stop = stopRequested();
      const target = findTarget(process.env);
      const worker = await launchWorker(target, openLog(process.env, 'info'), taskQueue);
      try {
        if (wantsJson(command)) printJson({ ready: true, ...placeOf(target) });
        else printLine(`The worker is ready at ${target.temporalAddress}, namespace ${target.namespace}.`);
        process.send?.({ ready: true });
        await Promise.race([stop, worker.run]);
      } finally {
        await worker.drain();
      }
    });
}

function placeOf({ temporalAddress, namespace }: { temporalAddress: string; namespace: string }) {
  return { temporalAddress, namespace };
}
