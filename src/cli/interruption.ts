import { onStopSignals } from '../local/stop-signals.ts';
import { EXIT } from './failure.ts';

/** Ctrl-C while something is watched: the first one stops the watching, a second one the process. */
export function onInterrupt(): { signal: AbortSignal; done(): void } {
  const controller = new AbortController();
  const done = onStopSignals(
    () => controller.abort(),
    () => process.exit(EXIT.interrupted),
    ['SIGINT'],
  );
  return { signal: controller.signal, done };
}

/** Resolves when a service is asked to end: by a signal, or because the process that started it is gone. */
export function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => resolve());
    if (process.connected) process.on('disconnect', () => resolve());
  });
}

/** What runs on goes on when whoever read its output is gone: Ctrl-C on `npm start | tee log` ends `tee` first. */
export function outliveReader(): void {
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error').on('error', () => {});
}
