import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { processesBelow } from '../first-token/processes.ts';

/**
 * Counts the calls of fsync and fdatasync of these processes and all below them during some work, with strace.
 * @returns undefined where strace is not there or not allowed
 */
export async function syncsDuring(pids: number[], work: () => Promise<unknown>): Promise<number | undefined> {
  const targets = processesBelow(pids).flatMap(({ pid }) => ['-p', String(pid)]);
  const strace = spawn('strace', ['-f', '-qq', '-e', 'trace=fsync,fdatasync', '-e', 'signal=none', ...targets], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  strace.stderr.on('data', (data: Buffer) => {
    told += data.toString();
  });
  const ended = once(strace, 'exit').catch(() => {});
  // It says nothing once it watches; a second is ample.
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1_000))]);
  if (strace.pid === undefined || strace.exitCode !== null) return undefined;
  await work();
  strace.kill('SIGINT');
  await ended;
  return told.match(/^(\[pid +\d+\] )?f(data)?sync\(/gm)?.length ?? 0;
}
