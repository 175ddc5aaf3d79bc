import { type CallError, durationMs } from '../../contract/index.ts';
import { ToolFailure } from '../tool.ts';
import type { Reply } from './answer-jobs.ts';
import { type Aside, openProcess, openThread } from './open-aside.ts';
import { seatsFor } from './seats.ts';

/** How long one without work is kept: to load its libraries anew takes up to a second. */
const IDLE_MS = durationMs('5 minutes');

/** Work that may take long, or all memory, done beside the thread that serves runs: what does not end in time is ended. */
export interface Pool<Job, Result> {
  /** @throws ToolFailure Timeout, or ToolFailed with what the work threw; the signal's reason */
  run(job: Job, signal: AbortSignal): Promise<Result>;
  close(): Promise<void>;
}

export interface PoolOptions {
  /** a thread is cheaper, but takes this process with it where it runs out of heap in one large step */
  as: 'thread' | 'process';
  /** what is done, as errors name it: `The calculation` */
  task: string;
  /** at a time; more jobs wait */
  most: number;
  /** after which one that has not answered is ended, ms; its loading counts */
  timeoutMs: number;
  /** heap of each */
  memoryMb: number;
  /** what `answerJobs` is opened with; threads only */
  limits?: object;
}

/** @param file without its ending: it calls `answerJobs` */
export function poolOf<Job, Result>(file: URL, options: PoolOptions): Pool<Job, Result> {
  const { as, task, most, timeoutMs, memoryMb, limits } = options;
  const idle = new Map<Aside, NodeJS.Timeout>();
  const seats = seatsFor(most);

  function idleOrNew(): Aside {
    const [aside] = idle.keys();
    if (aside === undefined) return as === 'process' ? openProcess(file, memoryMb) : openThread(file, memoryMb, limits);
    clearTimeout(idle.get(aside));
    idle.delete(aside);
    return aside;
  }

  function keep(aside: Aside): void {
    aside.listen({ onEnd: () => idle.delete(aside) });
    aside.unref();
    idle.set(aside, setTimeout(aside.end, IDLE_MS).unref());
  }

  function answerOf(aside: Aside, job: Job, signal: AbortSignal): Promise<Reply<Result>> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply<Result>>();
    const timer = setTimeout(() => reject(outOfTime(task, timeoutMs)), timeoutMs);
    const stopped = () => reject(signal.reason);
    signal.addEventListener('abort', stopped);
    if (signal.aborted) stopped();
    aside.listen({
      onMessage: (reply) => resolve(reply as Reply<Result>),
      onEnd: (reason) => reject(endedEarly(task, reason)),
    });
    aside.send(job);
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stopped);
    });
  }

  return {
    async run(job, signal) {
      const leave = await seats.take(signal);
      const aside = idleOrNew();
      let reply: Reply<Result> | undefined;
      try {
        reply = await answerOf(aside, job, signal);
      } finally {
        if (reply && !reply.isBroken) keep(aside);
        else await aside.end();
        leave();
      }
      if (reply.error) throw new ToolFailure(reply.error);
      return reply.result as Result;
    },
    async close() {
      await Promise.all([...idle.keys()].map((aside) => aside.end()));
    },
  };
}

export function outOfTime(task: string, limitMs: number): ToolFailure {
  const message = `${task} was not done after ${limitMs / 1_000} s`;
  return new ToolFailure({ type: 'Timeout', message, phase: 'total', limitMs });
}

export function endedEarly(task: string, reason: 'memory' | Error): ToolFailure {
  const isMemory = reason === 'memory';
  const message = isMemory ? `${task} took more memory than it may have` : `${task} failed: ${reason.message}`;
  const error: CallError = { type: 'ToolFailed', message };
  return new ToolFailure(error, isMemory ? {} : { cause: reason });
}
