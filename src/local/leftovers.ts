import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { commandLine, isAlive, stopProcess } from './server-process.ts';

interface ProcessRecord {
  pid: number;
  /** as the system shows it: a process id alone is used again after a reboot */
  command: string;
}

/** Notes in a file which process runs, for whoever comes after us should we be killed. */
export function recordProcess(file: string, pid: number): void {
  writeFileSync(file, JSON.stringify({ pid, command: commandLine(pid) } satisfies ProcessRecord), { mode: 0o600 });
}

/** The process noted in this file, if it is still the one that runs under its id. */
export function recordedProcess(file: string): number | undefined {
  try {
    const { pid, command } = JSON.parse(readFileSync(file, 'utf8')) as ProcessRecord;
    return isAlive(pid) && commandLine(pid) === command ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Stops the process noted in this file, if it still runs, and removes the note. */
export async function stopLeftover(file: string, signal: NodeJS.Signals, say: (pid: number) => void): Promise<void> {
  const pid = recordedProcess(file);
  if (pid !== undefined) {
    say(pid);
    await stopProcess(pid, signal);
  }
  rmSync(file, { force: true });
}
