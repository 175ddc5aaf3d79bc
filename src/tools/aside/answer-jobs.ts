import os from 'node:os';
import { Script } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';

/** What a job is answered with. */
export interface Reply<Result> {
  result?: Result;
  error?: { type: 'Timeout' | 'ToolFailed'; message: string };
  /** no further jobs can be done here */
  isBroken?: boolean;
}

/** In a thread of a pool: answers its jobs one by one. @param open makes what does them, of the pool's `limits` */
export function answerJobs<Limits, Job, Result>(open: (limits: Limits) => Promise<(job: Job) => Result>): void {
  giveWay();
  const opened = open(workerData as Limits);
  parentPort!.on('message', async (job: Job) => {
    const work = await opened;
    parentPort!.postMessage(replyOf(() => work(job)));
  });
}

/** In a process of a pool: answers its jobs one by one, and ends with its parent. @param longestMs of a job that nobody ends
 *  any more, as the parent is gone */
export function answerJobsAsProcess<Job, Result>(work: (job: Job) => Result, longestMs: number): void {
  giveWay();
  const bounded = new Script('work()');
  process.on('message', (job: Job) => {
    const reply = replyOf(() => {
      Object.assign(globalThis, { work: () => work(job) });
      return bounded.runInThisContext({ timeout: longestMs }) as Result;
    });
    process.send!(reply);
  });
  process.on('disconnect', () => process.exit());
}

function replyOf<Result>(work: () => Result): Reply<Result> {
  try {
    return { result: work() };
  } catch (thrown) {
    const { type = 'ToolFailed', isBroken, message } = thrown as Error & { type?: 'Timeout'; isBroken?: boolean };
    return { error: { type, message }, isBroken };
  }
}

/** Lets what serves runs go first. Of threads only Linux knows a priority: elsewhere it would be the whole process's. */
export function giveWay(): void {
  if (process.platform === 'linux' || parentPort === null) os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL);
}
