import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Task, Tasks } from './contend.ts';
import type { Bed, Entry } from './contender.ts';

/** So long a task may take before the contender counts as out of the race. */
const TASK_PATIENCE_MS = 60_000;

/** A contender's process, told what to do from here. */
export interface Racer {
  pid: number;
  /** it goes on after a crash only when somebody asks */
  resumes: boolean;
  ask<Name extends Task>(task: Name, ...argument: Parameters<Tasks[Name]>): Promise<Awaited<ReturnType<Tasks[Name]>>>;
  kill(): Promise<void>;
}

/** @throws Error when it does not come up */
export async function startRacer({ name, file, variant }: Entry, bed: Bed): Promise<Racer> {
  const child = fork(path.join(import.meta.dirname, 'contend.ts'), [JSON.stringify({ file, variant, bed })], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let words = '';
  child.stderr!.on('data', (data: Buffer) => {
    words = (words + data.toString()).slice(-2_000);
  });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${name}: its process ended. ${words}`)));
  ended.catch(() => {});
  const [{ resumes }] = (await Promise.race([once(child, 'message'), ended, late(name)])) as [{ resumes: boolean }];

  const waiting = new Map<number, (reply: { value: never; error?: string }) => void>();
  child.on('message', (reply: { id: number; value: never; error?: string }) => waiting.get(reply.id)?.(reply));
  let asked = 0;
  return {
    pid: child.pid!,
    resumes,
    async ask(task, argument?: unknown) {
      const id = ++asked;
      const reply = new Promise<{ value: never; error?: string }>((resolve) => waiting.set(id, resolve));
      child.send({ id, task, argument });
      const { value, error } = await Promise.race([reply, ended, late(`${name}, ${task}`)]);
      waiting.delete(id);
      if (error) throw new Error(`${name}, ${task}: ${error}\n${words}`);
      return value;
    },
    kill: () => kill(child),
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function late(what: string): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(
      () => reject(new Error(`${what}: not done after ${TASK_PATIENCE_MS / 1_000} s`)),
      TASK_PATIENCE_MS,
    ).unref();
  });
}
