/** Wakes the one who waits; a ring while nobody does is kept for the next wait. */
export interface Bell {
  ring(): void;
  /** Resolves at the next ring, after `timeoutMs`, or when the signal aborts. */
  wait(options?: { signal?: AbortSignal; timeoutMs?: number }): Promise<void>;
}

export function createBell(): Bell {
  let rung = false;
  let wake = () => {};
  return {
    ring() {
      rung = true;
      wake();
    },
    async wait({ signal, timeoutMs } = {}) {
      if (!rung && !signal?.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        signal?.addEventListener('abort', wake);
        const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
        await promise;
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
      }
      rung = false;
    },
  };
}
