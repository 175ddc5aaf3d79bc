import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { recordedProcess, recordProcess } from './leftovers.ts';

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
const ownerFile = (home: string) => path.join(home, 'supervisor.pid');

/** What runs in this home. @returns undefined when nothing does, also when it was killed and left its notes behind */
export function readRunning(home: string): Running | undefined {
  const owner = recordedProcess(ownerFile(home));
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
  mkdirSync(home, { recursive: true });
  const claim = `${ownerFile(home)}.${process.pid}`;
  recordProcess(claim, process.pid);
  try {
    while (!linked(claim, ownerFile(home))) {
      const owner = recordedProcess(ownerFile(home));
      if (owner !== undefined) throw new Error(alreadyRunning(home, owner));
      rmSync(ownerFile(home), { force: true });
    }
  } finally {
    rmSync(claim, { force: true });
  }
  rmSync(runningFile(home), { force: true });
  return () => {
    rmSync(runningFile(home), { force: true });
    rmSync(ownerFile(home), { force: true });
  };
}

/** A link is made whole or not at all, so nobody reads half a claim. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function alreadyRunning(home: string, pid: number): string {
  const running = readRunning(home);
  const where = running ? `Page and API: ${running.url}.` : 'It is just starting.';
  return `Cadenza already runs in ${home} (process ${pid}). ${where} Stop it first, or set another CADENZA_HOME.`;
}
