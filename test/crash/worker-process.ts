import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** `cadenza worker` as a process of its own, once it takes work. */
export function startWorkerProcess(env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  return started(['src/cli/main.ts', 'worker'], env);
}

/** The same for the worker of an example. */
export function startExampleWorker(example: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  return started([`examples/${example}/worker.ts`], env);
}

async function started(args: string[], env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const worker = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  worker.stderr!.on('data', (data: Buffer) => said.push(data.toString()));
  await Promise.race([
    once(worker.stdout!, 'data'),
    once(worker, 'exit').then(() => Promise.reject(new Error(`The worker ended: ${said.join('')}`))),
  ]);
  worker.stdout!.resume();
  return worker;
}
