import { spawn } from 'node:child_process';
import { holdFor } from './lock.mjs';

/** What went wrong, and the command that mends it: said without a stack trace. */
export class SetupError extends Error {}

const running = new Set();

/** Ends what runs. */
export function stopCommands() {
  for (const child of running) child.kill();
}

/** Kept in the lock, so that another setup does not begin beside what one that was killed leaves running. */
function noted(child) {
  const write = () => holdFor([...running].map(({ pid }) => pid));
  if (child.pid === undefined) return child;
  running.add(child);
  write();
  child.once('close', () => {
    running.delete(child);
    write();
  });
  return child;
}

/** Runs a command to its end. @param show passes its output on as it comes, instead of keeping it for the error
 *  @returns what it wrote to stdout @throws SetupError with the end of its output */
export function run(command, args, { show = false, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'];
    const child = noted(spawn(command, args, { stdio, ...options }));
    let stdout = '';
    let all = '';
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
      all += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      all += chunk;
    });
    child.once('error', (error) => reject(new SetupError(`${command} could not be run: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(stdout);
      const said = all.trim().split('\n').slice(-25).join('\n');
      reject(
        new SetupError(
          `${[command, ...args].join(' ')} failed (${signal ?? `exit code ${code}`})${said && `:\n${said}`}`,
        ),
      );
    });
  });
}
