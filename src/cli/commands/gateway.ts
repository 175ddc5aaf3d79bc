import type { Command } from 'commander';
import { loadConfig, readEnvironment } from '../../config/index.ts';
import { findTarget } from '../find-target.ts';
import { asPort } from '../flags.ts';
import { outliveReader, stopRequested } from '../interruption.ts';
import { openLog } from '../log.ts';
import { printJson, printLine, wantsJson } from '../output.ts';
import { launchGateway } from '../services.ts';

export function configure(command: Command): void {
  command
    .option('--port <number>', 'else CADENZA_PORT', asPort)
    .option('--host <address>', 'where it listens; 0.0.0.0 for everywhere', '127.0.0.1')
    .addHelpText('after', '\nExample:\n  $ CADENZA_API_KEYS=... cadenza gateway --host 0.0.0.0 --port 80')
    .action(async ({ port, host }: { port?: number; host: string }) => {
      outliveReader();
      const stop = stopRequested();
      const { env } = process;
      const log = openLog(env, 'info');
      const target = findTarget(env);
      const { connect } = await import('../../client/index.ts');
      const { temporalAddress, namespace, databaseUrl } = target;
      const client = await connect({ temporalAddress, namespace, databaseUrl, env, config: await loadConfig(), log });
      try {
        const served = await launchGateway({ client, target, log, host, port: port ?? readEnvironment(env).port });
        if (wantsJson(command)) printJson({ ready: true, url: served.url });
        else printLine(`The gateway is ready at ${served.url}`);
        process.send?.({ ready: true, url: served.url });
        await stop;
        await served.close();
      } finally {
        await client.close();
      }
    });
}
