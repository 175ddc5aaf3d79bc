import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { commandLine, isAlive } from './server-process.ts';

/** Where the parts of a running Cadenza are reached. Holds the database's password. */
export interface Running {
  /** of the supervisor, which starts and stops the others */
  pid: number;
  /** of the page and the API */
  url: string;
  port: number;
  temporalAddress: string;
  temporalNamespace: string;
  /** not given when Temporal is somebody else's */
  uiUrl?: string;
  databaseUrl: string;
}

const runningFile = (home: string) => path.join(home, 'running.json');
/** The one file in it is named after the process that has the home. Who takes a home over from a dead one renames that
 *  file, which succeeds for exactly one. */
const ownerFolder = (home: string) => path.join(home, 'supervisor');

/** What runs in this home. @returns undefined when nothing does, also when it was killed and left its notes behind */
export function readRunning(home: string): Running | undefined {
  const owner = alive(ownerOf(home));
  if (owner === undefined) return undefined;
  try {
    const running = JSON.parse(readFileSync(runningFile(home), 'utf8')) as Running;
    return running.pid === owner ? running : undefined;
  } catch {
    return undefined;
  }
}

/** Lets programs of the same user find what runs; nobody else may read it. */
export function writeRunning(home: string, running: Running): void {
  const unfinished = `${runningFile(home)}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(running, null, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, runningFile(home));
}

/** Makes this process the one that runs things in this home. @returns gives the home back
 *  @throws Error saying where the other one is reached */
export function claimHome(home: string): () => void {
  const folder = ownerFolder(home);
  const claim = `${folder}.${process.pid}`;
  const ours = ownerName(process.pid);
  mkdirSync(claim, { recursive: true });
  writeFileSync(path.join(claim, ours), '');
  try {
    // A folder that is not empty cannot be renamed over.
    while (!renamed(claim, folder, TAKEN)) {
      const owner = ownerOf(home);
      const pid = alive(owner);
      // Our own id was somebody else's where a container begins again.
      if (pid !== undefined && (pid !== process.pid || held.has(home))) throw new Error(alreadyRunning(home, pid));
      if (owner !== undefined && renamed(path.join(folder, owner), path.join(folder, ours), GONE)) break;
    }
  } finally {
    rmSync(claim, { recursive: true, force: true });
  }
  held.add(home);
  rmSync(runningFile(home), { force: true });
  return () => {
    held.delete(home);
    rmSync(runningFile(home), { force: true });
    // Emptied where it lies, it would be somebody else's before it is removed.
    if (renamed(folder, claim, GONE)) rmSync(claim, { recursive: true, force: true });
  };
}

/** The homes this process has. */
const held = new Set<string>();

const TAKEN = ['ENOTEMPTY', 'EEXIST', 'EPERM'];
const GONE = ['ENOENT'];

/** @returns false where it cannot be, for one of these reasons */
function renamed(from: string, to: string, reasons: string[]): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (reasons.includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** A process id alone is used again after a reboot. */
const ownerName = (pid: number) => `${pid}.${createHash('sha256').update(commandLine(pid)).digest('hex').slice(0, 16)}`;

function ownerOf(home: string): string | undefined {
  try {
    return readdirSync(ownerFolder(home))[0];
  } catch {
    return undefined;
  }
}

/** @returns the id of this process, if it still is the one that runs under it */
function alive(owner: string | undefined): number | undefined {
  const pid = Number.parseInt(owner ?? '', 10);
  return isAlive(pid) && ownerName(pid) === owner ? pid : undefined;
}

function alreadyRunning(home: string, pid: number): string {
  const running = readRunning(home);
  const where = running ? `Page and API: ${running.url}.` : 'It is just starting.';
  return `Cadenza already runs in ${home} (process ${pid}). ${where} Stop it first, or set another CADENZA_HOME.`;
}
