import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';

export const PARTS = ['Node', 'Temporal', 'PostgreSQL'] as const;
export type Part = (typeof PARTS)[number];

/** Everything of one checkout, as `npm start` runs it, from its sources. */
export interface Running {
  url: string;
  pid: number;
  usage(): Promise<Record<Part, Usage>>;
  stop(): Promise<void>;
}

export interface Usage {
  /** user and system time so far */
  cpuMs: number;
  /** resident; pages that processes share are shared out among them */
  memoryMb: number;
}

/** @param profiles folder for CPU profiles of its Node processes, which are written when it stops */
export async function startCheckout(
  folder: string,
  home: string,
  env: NodeJS.ProcessEnv,
  profiles?: string,
): Promise<Running> {
  await mkdir(home, { recursive: true });
  const profiling = profiles ? `--cpu-prof --cpu-prof-dir=${profiles}` : '';
  const child = spawn(process.execPath, ['bin/cadenza.mjs', 'dev', '--json'], {
    cwd: folder,
    env: {
      ...env,
      ...{ CADENZA_HOME: home, CADENZA_PORT: '0', CADENZA_TEMPORAL_PORT: '0', CADENZA_TEMPORAL_UI_PORT: '0' },
      ...{ CADENZA_POSTGRES_PORT: '0', NODE_OPTIONS: profiling },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const said: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    said.push(line);
    const { ready, url } = JSON.parse(line) as { ready?: boolean; url: string };
    if (!ready) continue;
    child.stdout.resume();
    return {
      url,
      pid: child.pid!,
      usage: () => usageBelow(child.pid!),
      async stop() {
        child.kill('SIGTERM');
        await exited;
      },
    };
  }
  throw new Error(`The checkout ${folder} did not start:\n${said.join('\n')}`);
}

/** Linux tells it in /proc. */
export async function usageBelow(root: number): Promise<Record<Part, Usage>> {
  const parents = new Map<number, number>();
  for (const pid of (await readdir('/proc')).map(Number).filter(Number.isInteger)) {
    const stat = await statOf(pid);
    if (stat) parents.set(pid, stat.parent);
  }
  const usage = Object.fromEntries(PARTS.map((part) => [part, { cpuMs: 0, memoryMb: 0 }])) as Record<Part, Usage>;
  for (const pid of [...parents.keys()].filter(isBelow)) {
    const part = await partOf(pid);
    if (!part) continue;
    const { cpuMs, memoryMb } = await usageOf(pid);
    usage[part].cpuMs += cpuMs;
    usage[part].memoryMb += memoryMb;
  }
  return usage;

  function isBelow(pid: number): boolean {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  }
}

export async function usageOf(pid: number): Promise<Usage> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const memoryMb = Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) / 1024;
  return { cpuMs: (await statOf(pid))?.cpuMs ?? 0, memoryMb };
}

async function partOf(pid: number): Promise<Part | undefined> {
  const program = path.basename(await readlink(`/proc/${pid}/exe`).catch(() => ''));
  if (program.startsWith('node')) return 'Node';
  if (program.startsWith('temporal')) return 'Temporal';
  return program.startsWith('postgres') ? 'PostgreSQL' : undefined;
}

/** Of a process and of those of its children that have ended; a clock tick of /proc is 10 ms. */
async function statOf(pid: number): Promise<{ parent: number; cpuMs: number } | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (!stat) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), cpuMs: 10 * fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) };
}
