import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { Log } from '../contract/index.ts';

/** Lets Temporal's worker write into our log, and leaves signals to us: the gateway closes before the worker drains. */
export function installRuntime(log: Log): void {
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      if (level === 'ERROR') log.error({ ...meta }, message);
      else log.warn({ ...meta }, message);
    }),
  });
}
