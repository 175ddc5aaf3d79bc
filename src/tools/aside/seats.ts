/** So many at a time; others wait for their turn. */
export function seatsFor(most: number) {
  const waiting: (() => void)[] = [];
  let taken = 0;
  const leave = () => {
    const next = waiting.shift();
    if (next) next();
    else taken--;
  };
  return {
    /** @returns how to leave. @throws the signal's reason */
    async take(signal: AbortSignal): Promise<() => void> {
      signal.throwIfAborted();
      if (taken < most) {
        taken++;
        return leave;
      }
      return new Promise((resolve, reject) => {
        const sit = () => {
          signal.removeEventListener('abort', aborted);
          resolve(leave);
        };
        const aborted = () => {
          waiting.splice(waiting.indexOf(sit), 1);
          reject(signal.reason);
        };
        signal.addEventListener('abort', aborted, { once: true });
        waiting.push(sit);
      });
    },
  };
}
