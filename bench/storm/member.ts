import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** A process of the shape that may be killed at any moment, and is started again as containers are. */
export interface Member {
  name: string;
  kind: 'worker' | 'gateway' | 'temporal' | 'postgres';
  /** undefined while it is down */
  pid(): number | undefined;
  /** times it was killed from here; times it ended by itself */
  killed: number;
  ended: number;
  start(): Promise<void>;
  /** As the kernel does: it does not get to say anything. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** One start of a process. */
export interface Running {
  pid: number;
  exited: Promise<unknown>;
  stop(): Promise<void>;
}

const RESTART_AFTER_MS = 1_000;

/** @param launch starts it, and resolves once it serves */
export function member(name: string, kind: Member['kind'], launch: () => Promise<Running>): Member {
  let running: Running | undefined;
  let wanted = false;
  let over = false;
  let hasServed = false;
  let starting: Promise<void> | undefined;

  function start(): Promise<void> {
    wanted = !over;
    starting = launched();
    return starting;
  }

  async function launched(): Promise<void> {
    while (wanted) {
      // Whoever starts while what it needs is away ends, and is started again: `restart: unless-stopped`.
      const started = await launch().catch((thrown) => {
        if (!hasServed) throw thrown;
      });
      if (!started) {
        self.ended += 1;
        await delay(RESTART_AFTER_MS);
        continue;
      }
      if (!wanted) return void (await started.stop());
      hasServed = true;
      running = started;
      started.exited.then(() => {
        if (running !== started) return;
        running = undefined;
        self.ended += 1;
        if (wanted) start();
      });
      return;
    }
  }

  const self: Member = {
    ...{ name, kind, killed: 0, ended: 0, start },
    pid: () => running?.pid,
    async kill() {
      const victim = running;
      if (!victim) return;
      running = undefined;
      self.killed += 1;
      process.kill(victim.pid, 'SIGKILL');
      await victim.exited;
    },
    async stop() {
      over = true;
      wanted = false;
      await starting?.catch(() => {});
      const last = running;
      running = undefined;
      await last?.stop();
    },
  };
  return self;
}

export interface CommandOptions {
  /** the checkout whose sources run: another build is another folder */
  checkout: string;
  /** where its cadenza.config.ts lies */
  cwd: string;
  env: NodeJS.ProcessEnv;
  logFile: string;
}

/** A command of the CLI that says with a line of JSON that it is ready. */
export async function runCommand(args: string[], options: CommandOptions): Promise<Running> {
  const { checkout, cwd, env, logFile } = options;
  mkdirSync(path.dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  const main = path.join(checkout, 'bin/cadenza.mjs');
  const child = spawn(process.execPath, [main, ...args, '--json'], { cwd, env, stdio: ['ignore', 'pipe', log] });
  closeSync(log);
  const exited = once(child, 'exit');
  await Promise.race([
    isReady(child).catch((thrown) => {
      child.kill('SIGKILL');
      throw thrown;
    }),
    exited.then(() => {
      throw new Error(`cadenza ${args.join(' ')} ended before it was ready: see ${logFile}`);
    }),
  ]);
  child.stdout!.resume();
  return {
    pid: child.pid!,
    exited,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function isReady(child: ChildProcess): Promise<void> {
  for await (const line of createInterface(child.stdout!)) {
    if ((JSON.parse(line) as { ready?: boolean }).ready) return;
  }
  await new Promise(() => {});
}
