import type { ElicitAnswer } from './open-connection.ts';

/** What a server asks of a person while it works on a call. */
export interface Elicitation {
  message: string;
  requestedSchema?: Record<string, unknown>;
}

/** A call under way that may ask something before it ends. */
export interface LiveCall<Result> {
  /** What comes next: its end, or a question. @throws what it failed with, or the signal's reason */
  next(signal: AbortSignal): Promise<{ result: Result } | { asks: Elicitation }>;
  /** does nothing where it asks nothing */
  answer(given: ElicitAnswer): void;
  abort(): void;
}

export interface LiveCalls<Result> {
  start(key: string, taskId: string | undefined, work: (signal: AbortSignal) => Promise<Result>): LiveCall<Result>;
  /** one that this process made, and that has not ended */
  find(key: string): LiveCall<Result> | undefined;
  /** A question came: whose is it? Where nobody can tell, the answer is `cancel`. */
  elicited(params: unknown): Promise<ElicitAnswer>;
  close(): void;
}

interface Entry<Result> {
  live: LiveCall<Result>;
  taskId?: string;
  isAsking: boolean;
  ask(asks: Elicitation): Promise<ElicitAnswer>;
}

/**
 * Calls to servers of revision 2025-11-25, which ask in the middle of a call and wait with it: the call stays open in this
 * process while a person thinks. A later revision ends the call with its question, and so needs none of this.
 */
export function liveCalls<Result>(): LiveCalls<Result> {
  const entries = new Map<string, Entry<Result>>();

  /** The call of the task it names; without one, the only call that can have asked. */
  function askerOf(params: unknown): Entry<Result> | undefined {
    const meta = (params as { _meta?: Record<string, { taskId?: string }> })._meta;
    const taskId = meta?.['io.modelcontextprotocol/related-task']?.taskId;
    const able = [...entries.values()].filter((entry) => !entry.isAsking && (!taskId || entry.taskId === taskId));
    return able.length === 1 ? able[0] : undefined;
  }

  return {
    start(key, taskId, work) {
      const own = new AbortController();
      let asked = Promise.withResolvers<Elicitation>();
      let answered = Promise.withResolvers<ElicitAnswer>();
      const ended = work(own.signal)
        .then((result) => ({ result }))
        .finally(() => entries.delete(key));
      ended.catch(() => {});
      const live: LiveCall<Result> = {
        async next(signal) {
          const stopped = Promise.withResolvers<never>();
          const stop = () => {
            own.abort(signal.reason);
            stopped.reject(signal.reason);
          };
          signal.addEventListener('abort', stop, { once: true });
          if (signal.aborted) stop();
          try {
            return await Promise.race([ended, asked.promise.then((asks) => ({ asks })), stopped.promise]);
          } finally {
            signal.removeEventListener('abort', stop);
          }
        },
        answer(given) {
          if (!entry.isAsking) return;
          const waiting = answered;
          asked = Promise.withResolvers();
          answered = Promise.withResolvers();
          entry.isAsking = false;
          waiting.resolve(given);
        },
        abort: () => own.abort(new Error('Nobody waits for it any more')),
      };
      const entry: Entry<Result> = {
        ...{ live, taskId, isAsking: false },
        ask(asks) {
          entry.isAsking = true;
          asked.resolve(asks);
          return answered.promise;
        },
      };
      entries.set(key, entry);
      return live;
    },
    find: (key) => entries.get(key)?.live,
    async elicited(params) {
      const { message, requestedSchema } = params as Elicitation;
      return askerOf(params)?.ask({ message, requestedSchema }) ?? { action: 'cancel' };
    },
    close() {
      for (const { live } of entries.values()) live.abort();
    },
  };
}
