import { spawn } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdtempSync, realpathSync, rmSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startPostgres } from '../local/index.ts';
import { query } from './database.ts';

export interface TestPostgres {
  /** of a user who may create databases */
  url: string;
  pid: number;
  /** Ends it, and deletes its files. */
  stop(): Promise<void>;
}

/** Starts a PostgreSQL of the tests' own on a free port. It ends with this process, whatever that dies of. */
export async function startTestPostgres(log: (line: string) => void = () => {}): Promise<TestPostgres> {
  const home = mkdtempSync(path.join(scratchFolder(), 'cadenza-test-'));
  // PostgreSQL's own user must be able to pass through, when the tests run as root.
  chmodSync(home, 0o711);
  const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log });
  const guard = cleanUpAfterDeath(home, [postgres.pid]);
  // What is written need not outlive a power cut.
  for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    await query(postgres.url, `alter system set ${setting} = off`);
  }
  await query(postgres.url, "alter system set max_wal_size = '256 MB'");
  await query(postgres.url, 'select pg_reload_conf()');
  return {
    url: postgres.url,
    pid: postgres.pid,
    async stop() {
      await postgres.stop();
      guard.kill('SIGKILL');
      // Its data may lie behind a link, where its user may enter.
      rmSync(realpathSync(path.join(home, 'postgres', 'data')), { recursive: true, force: true });
      rmSync(home, { recursive: true, force: true });
    },
  };
}

const IN_MEMORY = '/dev/shm';
/** bytes that are free there at least: containers may have 64 MB */
const ROOM = 2_000_000_000;

/** Memory, where the machine gives it out as a folder and nobody wishes for another: each database that is made and dropped
 *  is some hundred files, and file systems take longer for them than PostgreSQL. */
export function scratchFolder(): string {
  if (process.env.TMPDIR) return os.tmpdir();
  try {
    accessSync(IN_MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    if (bavail * bsize >= ROOM) return IN_MEMORY;
  } catch {
    // It is not there, or not ours.
  }
  return os.tmpdir();
}

/** A process that is stopped by Ctrl-C or killed cleans nothing up; the end of this pipe is noticed in any case. */
export function cleanUpAfterDeath(home: string, pids: number[]) {
  const script = `cat > /dev/null; [ -z "$1" ] || kill -INT $1 2> /dev/null; sleep 2; rm -rf "$(readlink "$2/postgres/data")" "$2"`;
  const shell = spawn('/bin/sh', ['-c', script, 'sh', pids.join(' '), home], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.unref();
  // Not every machine has a shell: then what is left over stays.
  shell.once('error', () => {});
  return shell;
}
