import { spawn } from 'node:child_process';

/** What went wrong, and the command that mends it: said without a stack trace. */
export class SetupError extends Error {}

/** Runs a command to its end. @param show passes its output on as it comes, instead of keeping it for the error
 *  @returns what it wrote to stdout @throws SetupError with the end of its output */
export function run(command, args, { show = false, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'];
    const child = spawn(command, args, { stdio, ...options });
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
