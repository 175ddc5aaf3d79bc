import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
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
  const home = mkdtempSync(path.join(os.tmpdir(), 'cadenza-test-'));
  // PostgreSQL's own user must be able to pass through, when the tests run as root.
  chmodSync(home, 0o711);
  const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log });
  const guard = cleanUpAfterDeath(home, [postgres.pid]);
  // What is written need not outlive a power cut.
  for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    await query(postgres.url, `alter system set ${setting} = off`);
  }
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
