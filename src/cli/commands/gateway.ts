import type { Command } from 'commander';
import { loadConfig, readEnvironment } from '../../config/index.ts';
import { findTarget } from '../find-target.ts';
import { asPort } from '../flags.ts';
import { outliveReader, stopRequested } from '../interruption.ts';
import { openLog } from '../log.ts';
import { printJson, printLine, wantsJson } from '../output.ts';
import { launchGateway, type Observable, observe } from '../services.ts';

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
      const { temporalAddress, namespace, databaseUrl } = target;
      const [{ connect }, { openMetrics }] = await Promise.all([
        import('../../client/index.ts'),
        import('../../telemetry/index.ts'),
      ]);
      const client = await connect({ temporalAddress, namespace, databaseUrl, env, config: await loadConfig(), log });
      const metrics = openMetrics();
      metrics.showOpenWork(() => client.openWork());
      let running: Observable | undefined;
      const observed = await observe(log, () => running);
      try {
        const on = { host, port: port ?? readEnvironment(env).port };
        const served = await launchGateway({ client, target, log, metrics, ...on });
        running = { client, metrics };
        if (wantsJson(command)) printJson({ ready: true, url: served.url });
        else printLine(`The gateway is ready at ${served.url}`);
        process.send?.({ ready: true, url: served.url });
        await stop;
        running = undefined;
        await served.close();
      } finally {
        await client.close();
        await observed.close();
      }
    });
}
