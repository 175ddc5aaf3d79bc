import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../bin/cadenza.mjs', import.meta.url));

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the CLI from source in an empty folder where nothing else of Cadenza is. */
export async function cadenza(
  args: string[],
  {
    env = {},
    stdin = '',
    stdout,
    onStart,
  }: {
    env?: Record<string, string>;
    stdin?: string;
    /** a file that gets it */
    stdout?: string;
    onStart?(child: ChildProcess): void;
  } = {},
): Promise<Ended> {
  const cwd = await mkdtemp(path.join(os.tmpdir(), 'cadenza-cli-'));
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE = '' } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: { PATH, HOME, NODE_COMPILE_CACHE, NO_COLOR: '1', ...env },
    stdio: ['pipe', stdout === undefined ? 'pipe' : openSync(stdout, 'w'), 'pipe'],
  });
  child.stdin!.end(stdin);
  onStart?.(child);
  try {
    const code = new Promise<number | null>((resolve) => child.on('close', resolve));
    const [said, stderr] = await Promise.all([child.stdout ? text(child.stdout) : '', text(child.stderr!)]);
    return { code: await code, stdout: said, stderr };
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}
