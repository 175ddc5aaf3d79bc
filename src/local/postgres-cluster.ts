import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import {
  findPostgresPrograms,
  mayEnter,
  type PostgresPrograms,
  postgresUser,
  sharedPlace,
  type User,
} from './postgres-programs.ts';

/** A database cluster on disk, ready to be served. */
export interface Cluster {
  dataDir: string;
  password: string;
  programs: PostgresPrograms;
  /** who serves it, when not ourselves */
  user?: User;
}

export const DATABASE_OWNER = 'cadenza';

/** Finds the cluster of a folder, or makes one. @param dir holds `data` (or a link to it) and `password`
 *  @throws Error when it was made by another user or another major version of PostgreSQL */
export async function openCluster(dir: string, log: (line: string) => void): Promise<Cluster> {
  mkdirSync(dir, { recursive: true });
  const link = path.join(dir, 'data');
  const known = existsSync(link) ? realpathSync(link) : undefined;
  const user = postgresUser(known ? statSync(known) : undefined);
  const programs = findPostgresPrograms(user, log);
  const password = passwordOf(path.join(dir, 'password'));
  if (known) {
    assertUsable(known, await majorVersion(programs));
    return { dataDir: known, password, programs, user };
  }
  const dataDir = placeFor(dir, user, log);
  await initialise({ dataDir, password, programs, user });
  if (dataDir !== link) {
    if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link);
    symlinkSync(dataDir, link);
  }
  return { dataDir: realpathSync(dataDir), password, programs, user };
}

function passwordOf(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const password = randomBytes(18).toString('base64url');
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return password;
}

/** In the folder itself, or, when PostgreSQL's user may not enter that, in a place made of its path, so that it is found again. */
function placeFor(dir: string, user: User | undefined, log: (line: string) => void): string {
  if (!user || mayEnter(dir, user)) return path.join(dir, 'data');
  const hash = createHash('sha256').update(realpathSync(dir)).digest('hex').slice(0, 16);
  const place = path.join(sharedPlace(), `data-${hash}`);
  log(`PostgreSQL runs as ${user.name}, who may not enter ${dir}; its data is in ${place}`);
  return place;
}

/** Made beside its place and renamed when whole: a first start that is killed leaves nothing half-made in the way. */
async function initialise({ dataDir, password, programs, user }: Cluster): Promise<void> {
  const unfinished = `${dataDir}.new`;
  const passwordFile = `${dataDir}.password`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user) for (const file of [unfinished, passwordFile]) chownSync(file, user.uid, user.gid);
  chmodSync(unfinished, 0o700);
  const options = ['--auth=scram-sha-256', `--username=${DATABASE_OWNER}`, '--encoding=UTF8', '--locale=C'];
  // PostgreSQL's own locale sorts the same on every machine; the operating system's may be missing.
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  try {
    const args = [`--pgdata=${unfinished}`, `--pwfile=${passwordFile}`, ...options, ...locale];
    await promisify(execFile)(programs.initdb, args, { cwd: '/', uid: user?.uid, gid: user?.gid });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() || (error as Error).message;
    throw new Error(`PostgreSQL could not make a database in ${dataDir}: ${said}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  // What lies here belonged to a home that was deleted: its password is gone with it.
  rmSync(dataDir, { recursive: true, force: true });
  renameSync(unfinished, dataDir);
}

async function majorVersion(programs: PostgresPrograms): Promise<string> {
  const { stdout } = await promisify(execFile)(programs.postgres, ['--version'], { cwd: '/' });
  return /(\d+)(\.\d+)?/.exec(stdout)?.[1] ?? '';
}

function assertUsable(dataDir: string, version: string): void {
  const uid = process.getuid?.();
  if (uid !== 0 && statSync(dataDir).uid !== uid) {
    throw new Error(
      `The database in ${dataDir} belongs to another user: it was made as root. Start as root, or move it away.`,
    );
  }
  const madeBy = readFileSync(path.join(dataDir, 'PG_VERSION'), 'utf8').trim();
  if (madeBy !== version) {
    throw new Error(
      `The database in ${dataDir} was made by PostgreSQL ${madeBy}, and this is ${version}. ` +
        `Carry it over with pg_upgrade, or move it away to begin anew.`,
    );
  }
}
