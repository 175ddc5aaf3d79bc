import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts processor time in ticks of a hundredth of a second (USER_HZ), ms. */
const TICK_MS = 10;

export interface Process {
  pid: number;
  parent: number;
  /** of the process, and of children it has waited for, ms */
  cpuMs: number;
}

/** These processes, and all below them. Empty where there is no /proc. */
export function processesBelow(roots: number[]): Process[] {
  const all = everyProcess();
  const found = new Set(roots);
  for (let size = 0; size < found.size; ) {
    size = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return all.filter(({ pid }) => found.has(pid));
}

function everyProcess(): Process[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => statOf(Number(pid)));
  } catch {
    return [];
  }
}

function statOf(pid: number): Process[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which may hold anything: state, parent, ..., and as 12th to 15th user, system and those of children.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return [{ pid, parent: Number(fields[1]), cpuMs: ticks * TICK_MS }];
  } catch {
    return [];
  }
}

/** Processor time so far of these processes and all below them, ms. NaN where it cannot be read. */
export function cpuMsOf(pids: number[]): number {
  const stats = processesBelow(pids);
  return stats.length === 0 ? Number.NaN : stats.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
}
