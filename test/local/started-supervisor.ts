import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { exitOf } from '../../src/local/server-process.ts';

const SCRIPT = fileURLToPath(new URL('run-supervisor.ts', import.meta.url));

/** A supervisor in a process of its own, as `cadenza dev` would be, and what it says. */
export function startedSupervisor(home: string) {
  const child: ChildProcess = spawn(process.execPath, [SCRIPT], {
    env: {
      ...withoutCadenza(process.env),
      CADENZA_HOME: home,
      ...{ CADENZA_PORT: '0', CADENZA_POSTGRES_PORT: '0', CADENZA_TEMPORAL_PORT: '0', CADENZA_TEMPORAL_UI_PORT: '0' },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout! }).on('line', (line) => {
    lines.push(line);
    for (const look of waiting) look();
  });
  const exited = exitOf(child);
  return {
    pid: child.pid!,
    exited,
    lines,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Resolves with the first line that holds this text, said before or to come. */
    says(text: string): Promise<string> {
      return new Promise((resolve, reject) => {
        const look = () => {
          const line = lines.find((one) => one.includes(text));
          if (line === undefined) return;
          waiting.delete(look);
          resolve(line);
        };
        waiting.add(look);
        look();
        void exited.then(() =>
          setImmediate(() => reject(new Error(`It ended without saying "${text}". It said:\n${lines.join('\n')}`))),
        );
      });
    },
    parts: () => ({
      postgres: Number(readFileSync(path.join(home, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n')[0]),
      temporal: pidIn(path.join(home, 'temporal.db.pid')),
      server: pidIn(path.join(home, 'server.pid')),
    }),
  };
}

function pidIn(file: string): number {
  return (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid;
}

function withoutCadenza(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(CADENZA|TEMPORAL)_/.test(name)));
}
