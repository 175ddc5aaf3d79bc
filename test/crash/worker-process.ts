import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

/** `cadenza worker` as a process of its own; resolves once it is ready. */
export async function startWorkerProcess(env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const root = path.resolve(import.meta.dirname, '../..');
  const worker = spawn(process.execPath, [path.join(root, 'src/cli/main.ts'), 'worker'], {
    cwd: root,
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
