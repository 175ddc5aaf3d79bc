/** Runs that went on before the end of a call of theirs was committed. */
export interface RunsAhead {
  has(chain: string): boolean;
  /** Another worker has brought an end before: nothing is written of what this one did since. */
  isOvertaken(chain: string): boolean;
  /** Resolves once nothing of the run is ahead. @returns whether all of it counts */
  caughtUp(chain: string): Promise<boolean>;
  /** Whoever had the run here has let go of it. */
  forget(chain: string): void;
}

interface Ahead {
  ends: number;
  overtaken: boolean;
  caughtUp: PromiseWithResolvers<void>;
}

/** The same, with what their writer tells it. */
export function createRunsAhead(): RunsAhead & {
  goOn(chain: string): void;
  ended(chain: string, taken: boolean): void;
} {
  const runs = new Map<string, Ahead>();

  return {
    has: (chain) => runs.has(chain),
    isOvertaken: (chain) => runs.get(chain)?.overtaken === true,
    goOn(chain) {
      const run = runs.get(chain) ?? { ends: 0, overtaken: false, caughtUp: Promise.withResolvers<void>() };
      runs.set(chain, run);
      run.ends += 1;
    },
    ended(chain, taken) {
      const run = runs.get(chain);
      if (!run) return;
      run.ends -= 1;
      run.overtaken ||= !taken;
      if (run.ends > 0) return;
      run.caughtUp.resolve();
      if (!run.overtaken) runs.delete(chain);
    },
    async caughtUp(chain) {
      const run = runs.get(chain);
      await run?.caughtUp.promise;
      return run?.overtaken !== true;
    },
    forget: (chain) => void runs.delete(chain),
  };
}
