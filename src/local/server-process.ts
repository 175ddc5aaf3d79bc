import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** How a process ended; both are null when it could not be started. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ServerProcess {
  pid: number;
  exited: Promise<Exit>;
  hasExited(): boolean;
  /** the end of what it wrote, for the message about why it did not start */
  lastWords(): string;
  stop(): Promise<void>;
}

export interface ServerCommand {
  command: string;
  args: string[];
  /** its output is appended here: a pipe to us would kill it when we die */
  logFile: string;
  stopSignal: NodeJS.Signals;
  env?: NodeJS.ProcessEnv;
  user?: { uid: number; gid: number };
}

const LOG_LIMIT_BYTES = 10_000_000;
const STOP_PATIENCE_MS = 10_000;

/** Starts a server in a process group of its own, so that Ctrl-C in a terminal reaches us and not it.
 *  @throws Error when the program cannot be run */
export async function startProcess(server: ServerCommand): Promise<ServerProcess> {
  mkdirSync(path.dirname(server.logFile), { recursive: true });
  const tooLong = existsSync(server.logFile) && statSync(server.logFile).size > LOG_LIMIT_BYTES;
  const log = openSync(server.logFile, tooLong ? 'w' : 'a', 0o600);
  const begin = statSync(server.logFile).size;
  const child = spawn(server.command, server.args, {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
    env: server.env ?? process.env,
    ...server.user,
  });
  closeSync(log);
  const exited = exitOf(child);
  await spawned(child, server.command);
  const pid = child.pid!;
  const hasExited = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid,
    exited,
    hasExited,
    lastWords: () => readFileSync(server.logFile).subarray(begin).toString().trim().split('\n').slice(-8).join('\n'),
    stop: () => (hasExited() ? Promise.resolve() : stopProcess(pid, server.stopSignal)),
  };
}

export function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
}

function spawned(child: ChildProcess, command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new Error(`${command} could not be started: ${error.message}`)));
  });
}

/** Asks a process to stop, and kills it when it has not within ten seconds. Resolves once it is gone. */
export async function stopProcess(pid: number, signal: NodeJS.Signals, patienceMs = STOP_PATIENCE_MS): Promise<void> {
  send(pid, signal);
  const deadline = Date.now() + patienceMs;
  while (isAlive(pid)) {
    if (Date.now() > deadline) send(pid, 'SIGKILL');
    await delay(10);
  }
}

export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Whether a process runs under this id. A zombie, which nobody has reaped yet, does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return commandLine(pid) !== '';
}

/** Whether this process id still belongs to the command we started: ids are used again after a reboot. */
export function isOurs(pid: number, marker: string): boolean {
  return isAlive(pid) && commandLine(pid).includes(marker);
}

/** Empty for a zombie and for a process that is gone. */
export function commandLine(pid: number): string {
  try {
    // Slim containers have no `ps`; macOS has no /proc.
    if (existsSync('/proc/self/cmdline'))
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    const [state = '', ...command] = execFileSync('ps', ['-ww', '-o', 'state=,command=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .trim()
      .split(/\s+/);
    return state.startsWith('Z') ? '' : command.join(' ');
  } catch {
    return '';
  }
}
