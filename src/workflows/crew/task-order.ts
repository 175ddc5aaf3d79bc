import { isCancellation } from '@temporalio/workflow';
import { host } from '../host.ts';

/** A task, and those that come before it: earlier in the list, or over already. */
interface Ordered {
  name: string;
  after: string[];
}

/**
 * Does each task once those it comes after are over; what waits for nothing runs at once. When one fails the others are
 * cancelled and waited for, so that no call goes on that nobody will read.
 * @param perform is given what is done so far
 * @param goesOn looked at after each task: false, and no further one begins; what has begun ends
 * @returns by task, in the order of the tasks
 */
export async function inTaskOrder<Task extends Ordered, Result>(
  tasks: Task[],
  perform: (task: Task, done: ReadonlyMap<string, Result>) => Promise<Result>,
  goesOn: (result: Result) => boolean,
): Promise<Map<string, Result>> {
  const done = new Map<string, Result>();
  const failures: unknown[] = [];
  let isOver = false;

  await host().cancellable(async (cancel) => {
    const begun = new Map<string, Promise<void>>();
    const begin = async (task: Task) => {
      await Promise.all(task.after.map((name) => begun.get(name)));
      if (isOver) return;
      try {
        const result = await perform(task, done);
        done.set(task.name, result);
        isOver ||= !goesOn(result);
      } catch (thrown) {
        failures.push(thrown);
        isOver = true;
        cancel();
      }
    };
    for (const task of tasks) begun.set(task.name, begin(task));
    await Promise.all(begun.values());
  });
  if (failures.length > 0) throw failures.find((thrown) => !isCancellation(thrown)) ?? failures[0];
  return new Map(tasks.flatMap(({ name }) => (done.has(name) ? [[name, done.get(name)!] as const] : [])));
}
