const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Ctrl-C reaches us twice under npm: from the terminal, and passed on by npm. */
const SAME_KEYSTROKE_MS = 800;

/** Calls `first` at the first signal to stop, and `again` at one that comes later. @returns stops listening */
export function onStopSignals(first: () => void, again: () => void): () => void {
  let firstAt: number | undefined;
  const listener = () => {
    if (firstAt === undefined) {
      firstAt = Date.now();
      first();
    } else if (Date.now() - firstAt > SAME_KEYSTROKE_MS) {
      again();
    }
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener);
  };
}
