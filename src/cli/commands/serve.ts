import type { Command } from 'commander';
import { readEnvironment } from '../../config/index.ts';
import { findTarget } from '../find-target.ts';
import { asPort } from '../flags.ts';
import { outliveReader, stopRequested } from '../interruption.ts';
import { openLog } from '../log.ts';
import { printJson, printLine, wantsJson } from '../output.ts';
import { launchGateway, launchWorker } from '../services.ts';

/** Worker and gateway in one process: runs started over HTTP begin at once, on the worker's own connection. */
export function configure(command: Command): void {
  command
    .option('--port <number>', 'else CADENZA_PORT', asPort)
    .option('--host <address>', 'where it listens; 0.0.0.0 for everywhere', '127.0.0.1')
    .option('--embedded', 'was started by cadenza dev, which says what there is to say')
    .addHelpText(
      'after',
      '\nExample:\n  $ TEMPORAL_ADDRESS=temporal:7233 CADENZA_DATABASE_URL=postgres://... cadenza serve --host 0.0.0.0',
    )
    .action(async (flags: { port?: number; host: string; embedded?: boolean }) => {
      outliveReader();
      const stop = stopRequested();
      const { env } = process;
      // Whoever starts it has the files it may read; a worker elsewhere is told which.
      if (flags.embedded) env.CADENZA_DOCUMENTS ??= process.cwd();
      const log = openLog(env, flags.embedded ? 'warn' : 'info');
      const target = findTarget(env);
      const worker = await launchWorker(target, log);
      try {
        const { client, slots, metrics } = worker;
        const port = flags.port ?? readEnvironment(env).port;
        const served = await launchGateway({ client, target, log, host: flags.host, port, slots, metrics });
        if (wantsJson(command)) printJson({ ready: true, url: served.url });
        else if (!flags.embedded) printLine(`Worker and gateway are ready at ${served.url}`);
        process.send?.({ ready: true, url: served.url });
        try {
          await Promise.race([stop, worker.run]);
        } finally {
          await served.close();
        }
      } finally {
        await worker.drain();
      }
    });
}
