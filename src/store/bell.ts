/** Wakes whoever waits; a ring while nobody waits is kept for the next one to wait. */
export interface Bell {
  ring(): void;
  /** Resolves at the next ring, after `timeoutMs`, or when the signal aborts. */
  wait(options?: { signal?: AbortSignal; timeoutMs?: number }): Promise<void>;
}

export function createBell(): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait({ signal, timeoutMs } = {}) {
      if (!rung && !signal?.aborted) {
        await new Promise<void>((resolve) => {
          const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
          const done = () => resolve();
          wake = done;
          signal?.addEventListener('abort', done, { once: true });
          const finish = resolve;
          resolve = () => {
            clearTimeout(timer);
            signal?.removeEventListener('abort', done);
            finish();
          };
        });
      }
      wake = undefined;
      rung = false;
    },
  };
}
