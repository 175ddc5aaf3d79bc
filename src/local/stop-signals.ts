const SIGNALS: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** Ctrl-C reaches us twice under npm: from the terminal, and passed on by npm. */
const SAME_KEYSTROKE_MS = 800;

/** Calls `first` at the first signal to stop, and `again` at one that comes later. @returns stops listening */
export function onStopSignals(
  first: (signal: NodeJS.Signals) => void,
  again: () => void,
  signals = SIGNALS,
): () => void {
  let firstAt: number | undefined;
  const listener = (signal: NodeJS.Signals) => {
    if (firstAt === undefined) {
      firstAt = Date.now();
      first(signal);
    } else if (Date.now() - firstAt > SAME_KEYSTROKE_MS) {
      again();
    }
  };
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}
