import { spawn } from 'node:child_process';
import type { Target } from './find-target.ts';

/** A program of the person's own that runs beside a command of ours. */
export interface OwnProgram {
  /** its exit code; 128 and the signal's number, as shells say it, where a signal ended it */
  ended: Promise<number>;
  stop(): void;
}

/** Starts a program that is told by its environment where Temporal and the database are. */
export function startOwnProgram([program, ...args]: string[], target: Target): OwnProgram {
  const child = spawn(program!, args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: target.temporalAddress,
      TEMPORAL_NAMESPACE: target.namespace,
      CADENZA_DATABASE_URL: target.databaseUrl,
    },
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${program} could not be started: ${error.message}`)));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === 'SIGINT' ? 2 : 15)));
  });
  return { ended, stop: () => void child.kill('SIGTERM') };
}
