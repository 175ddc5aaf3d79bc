import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { readRunning } from '../../src/local/index.ts';
import { recordedProcess } from '../../src/local/leftovers.ts';
import { isAlive } from '../../src/local/server-process.ts';
import { startedSupervisor } from './started-supervisor.ts';
import { removeHome, temporaryHome } from './temporary-home.ts';

let home: string;
const supervisors: ReturnType<typeof startedSupervisor>[] = [];

beforeEach(() => {
  home = temporaryHome();
});

afterEach(async () => {
  for (const supervisor of supervisors.splice(0)) {
    supervisor.kill('SIGTERM');
    await supervisor.exited;
  }
  removeHome(home);
});

function start() {
  const supervisor = startedSupervisor(home);
  supervisors.push(supervisor);
  return supervisor;
}

test('each part that is killed is noticed, said, and back at its old address; stopping leaves no process behind', async () => {
  const cadenza = start();
  await cadenza.says('Cadenza is ready');
  const before = readRunning(home)!;
  const firstParts = cadenza.parts();

  for (const [name, pid] of [
    ['The server', firstParts.server],
    ['Temporal', firstParts.temporal],
    ['PostgreSQL', firstParts.postgres],
  ] as const) {
    process.kill(pid, 'SIGKILL');
    await cadenza.says(`${name} stopped unexpectedly (SIGKILL); restarting`);
    await cadenza.says(`${name} is back`);
  }
  expect(readRunning(home)).toEqual(before);
  const client = new pg.Client(before.databaseUrl);
  await client.connect();
  await client.end();
  const parts = cadenza.parts();
  for (const [name, pid] of Object.entries(parts)) {
    expect(pid).not.toBe(firstParts[name as keyof typeof parts]);
    expect(isAlive(pid)).toBe(true);
  }

  cadenza.kill('SIGTERM');
  expect(await cadenza.exited).toEqual({ code: 0, signal: null });
  expect(cadenza.lines).toContain('fake server: drained');
  expect(Object.values(parts).filter(isAlive)).toEqual([]);
  expect(readRunning(home)).toBeUndefined();
  expect(existsSync(path.join(home, 'running.json'))).toBe(false);
});

test('a second start in the same home says where the first is reached', async () => {
  const first = start();
  await first.says('Cadenza is ready');
  const second = start();
  await second.says(`Cadenza already runs in ${home} (process ${first.pid}). Page and API: ${readRunning(home)!.url}.`);
  expect((await second.exited).code).toBe(1);
  expect(isAlive(first.pid)).toBe(true);
});

test('what a killed supervisor left running is stopped by the next start, which goes on with its data', async () => {
  const first = start();
  await first.says('Cadenza is ready');
  const leftover = first.parts();
  const { databaseUrl } = readRunning(home)!;
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query('create table notes (said text)');
  await client.end();
  first.kill('SIGKILL');
  await first.exited;
  expect(isAlive(leftover.postgres) && isAlive(leftover.temporal)).toBe(true);
  expect(readRunning(home)).toBeUndefined();

  const second = start();
  await second.says('Cadenza is ready');
  expect(Object.values(leftover).filter(isAlive)).toEqual([]);
  const again = new pg.Client(readRunning(home)!.databaseUrl);
  await again.connect();
  expect((await again.query('select * from notes')).rows).toEqual([]);
  await again.end();
});

test('a signal in the middle of starting stops what has been started, with exit code 0', async () => {
  const cadenza = start();
  await cadenza.says('fake server: database at');
  cadenza.kill('SIGINT');
  expect(await cadenza.exited).toEqual({ code: 0, signal: null });
  // PostgreSQL takes this file away when it has ended in peace.
  expect(existsSync(path.join(home, 'postgres', 'data', 'postmaster.pid'))).toBe(false);
  expect(recordedProcess(path.join(home, 'temporal.db.pid'))).toBeUndefined();
  expect(recordedProcess(path.join(home, 'server.pid'))).toBeUndefined();
});
