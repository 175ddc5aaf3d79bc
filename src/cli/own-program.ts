import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Companion } from '../local/index.ts';
import type { Target } from './find-target.ts';

/** A program of the person's own that runs beside a command of ours. */
export interface OwnProgram extends Companion {
  /** its exit code; 128 and the signal's number, as shells say it, where a signal ended it */
  ended: Promise<number>;
  signal(signal: NodeJS.Signals): void;
}

/** A worker lets its calls end within 20 s, and has written all of them by then. */
const DRAIN_PATIENCE_MS = 30_000;
const SHELL = /^(ba|da|k|z)?sh$/;

/** Starts a program that is told by its environment where Temporal and the database are.
 *  @param ownGroup keeps the terminal's Ctrl-C from it: it is asked to end by `stop` alone, and so once. A second signal
 *  kills a worker in the middle of what it finishes. */
export function startOwnProgram(
  [program, ...args]: string[],
  target: Target,
  { ownGroup = false }: { ownGroup?: boolean } = {},
): OwnProgram {
  const child = spawn(program!, args, {
    stdio: 'inherit',
    detached: ownGroup,
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: target.temporalAddress,
      TEMPORAL_NAMESPACE: target.namespace,
      CADENZA_DATABASE_URL: target.databaseUrl,
    },
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`${program} could not be started: ${error.message}`)));
    child.once('exit', (code, signal) => resolve(code ?? 128 + os.constants.signals[signal!]));
  });
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;

  /** @returns whether there is anybody: npm and shells start others, who may be left when they have ended */
  function toGroup(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-child.pid!, signal);
    } catch {
      return false;
    }
  }

  let stopping = false;
  return {
    ended,
    signal: (signal) => void child.kill(signal),
    async stop(signal) {
      if (!isRunning()) return;
      stopping = true;
      const deadline = Date.now() + DRAIN_PATIENCE_MS;
      const late = setTimeout(() => toGroup('SIGKILL'), DRAIN_PATIENCE_MS);
      // npm passes it on; a shell waits for what it started, which is to be told as well.
      const isShell = SHELL.test(path.basename(program!));
      if (isShell) toGroup(signal);
      else child.kill(signal);
      await ended;
      if (!isShell) toGroup(signal);
      while (toGroup(0) && Date.now() < deadline) await delay(10);
      clearTimeout(late);
      toGroup('SIGKILL');
      stopping = false;
    },
    kill() {
      // Of one that has long ended the id may be another's.
      if (stopping || isRunning()) toGroup('SIGKILL');
    },
  };
}
