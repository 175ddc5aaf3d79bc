import type { Cadenza, StartedRun } from '../client/index.ts';

/** Runs an action during which time is skipped. */
export type Skip = <Result>(action: () => Promise<Result>) => Promise<Result>;

interface TimeLock {
  unlockTimeSkipping(request: object): Promise<unknown>;
  lockTimeSkipping(request: object): Promise<unknown>;
}

/** Several may wait at once: the server's time is unlocked for the first of them, and locked after the last. */
export function createSkip(time: TimeLock | undefined): Skip {
  if (!time) return (action) => action();
  let waiting = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const change = (by: 1 | -1) => {
    turn = turn.then(async () => {
      if (waiting === 0) await time.unlockTimeSkipping({});
      waiting += by;
      if (waiting === 0) await time.lockTimeSkipping({});
    });
    return turn;
  };
  return async (action) => {
    await change(1);
    try {
      return await action();
    } finally {
      await change(-1);
    }
  };
}

/** The same client, for which time is skipped as long as it waits for a result or an answer. */
export function skipWhileWaiting(client: Cadenza, skip: Skip): Cadenza {
  const skipping = <Run extends StartedRun>(run: Run): Run => ({ ...run, result: () => skip(() => run.result()) });
  return {
    ...client,
    start: async (...request) => skipping((await client.start(...request)) as never),
    startUnchecked: async (...request) => skipping(await client.startUnchecked(...request)),
    result: (id) => skip(() => client.result(id)),
    send: (...message) => skip(() => client.send(...message)),
  };
}
