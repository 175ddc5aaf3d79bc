import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readRunning } from '../../src/local/index.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FREE_PORTS = {
  CADENZA_PORT: '0',
  CADENZA_TEMPORAL_PORT: '0',
  CADENZA_TEMPORAL_UI_PORT: '0',
  CADENZA_POSTGRES_PORT: '0',
};

/** `cadenza dev` as its user starts it, in a home of its own on free ports. */
export interface DevProcess {
  process: ChildProcess;
  /** of the gateway */
  url: string;
  home: string;
  /** all it printed so far */
  said(): string;
  /** pids and command lines of what it started */
  children(): { pid: number; args: string }[];
  /** Runs the CLI beside it, as in a second terminal; `pieces` is what it printed, as it came. */
  cadenza(args: string[], input?: string): Promise<{ code: number | null; pieces: string[]; text: string }>;
  /** Ctrl-C, as a terminal sends it, or a signal to it alone; @returns the exit code */
  stop(alone?: NodeJS.Signals): Promise<number | null>;
}

/** @param program of the person's own, to run beside it */
export async function startDev(env: Record<string, string>, program: string[] = []): Promise<DevProcess> {
  const home = mkdtempSync(path.join(os.tmpdir(), 'cadenza-dev-'));
  // PostgreSQL's own user must be able to pass through, when the tests run as root.
  chmodSync(home, 0o711);
  const dev = spawn(
    process.execPath,
    [path.join(ROOT, 'bin/cadenza.mjs'), 'dev', ...(program.length > 0 ? ['--', ...program] : [])],
    {
      cwd: ROOT,
      // A group of its own, as a terminal gives each command.
      detached: true,
      env: { ...process.env, ...FREE_PORTS, ...env, CADENZA_HOME: home, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const said: string[] = [];
  for (const stream of [dev.stdout!, dev.stderr!]) stream.on('data', (data: Buffer) => said.push(data.toString()));
  while (!(readRunning(home) && said.join('').includes('Try:'))) {
    if (dev.exitCode !== null) throw new Error(`cadenza dev ended: ${said.join('')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    process: dev,
    url: readRunning(home)!.url,
    home,
    said: () => said.join(''),
    children: () => childrenOf(dev.pid!),
    cadenza: (args, input) => runCli({ ...process.env, ...env, CADENZA_HOME: home, NODE_OPTIONS: '' }, args, input),
    async stop(alone) {
      const exited = once(dev, 'exit');
      if (alone) dev.kill(alone);
      else process.kill(-dev.pid!, 'SIGINT');
      const [code] = (await exited) as [number | null];
      rmSync(home, { recursive: true, force: true });
      return code;
    },
  };
}

async function runCli(env: NodeJS.ProcessEnv, args: string[], input?: string) {
  const child = spawn(process.execPath, [path.join(ROOT, 'bin/cadenza.mjs'), ...args], { cwd: ROOT, env });
  const pieces: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => pieces.push(data.toString()));
  child.stdin.end(input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, pieces, text: pieces.join('') };
}

function childrenOf(parent: number): { pid: number; args: string }[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((fields) => Number(fields?.[2]) === parent)
    .map((fields) => ({ pid: Number(fields![1]), args: fields![3]! }));
}
