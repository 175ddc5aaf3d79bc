import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { type LocalPostgres, startPostgres } from '../../src/local/index.ts';
import { freePort } from '../../src/local/ports.ts';
import { postgresUser } from '../../src/local/postgres-programs.ts';
import { commandLine, isAlive } from '../../src/local/server-process.ts';
import { until } from '../setup/until.ts';
import { removeHome, temporaryHome } from './temporary-home.ts';

let home: string;
const started: LocalPostgres[] = [];
const said: string[] = [];
const parents: ChildProcess[] = [];

beforeEach(() => {
  home = temporaryHome();
});

afterEach(async () => {
  for (const postgres of started.splice(0)) await postgres.stop();
  said.splice(0);
  for (const parent of parents.splice(0)) parent.kill('SIGKILL');
  removeHome(home);
});

async function start(port = 0): Promise<LocalPostgres> {
  const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port, log: (line) => said.push(line) });
  started.push(postgres);
  return postgres;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('what was committed is there again after kill -9', async () => {
  const first = await start();
  await query(first.url, 'create table notes (said text)');
  await query(first.url, `insert into notes values ('kept')`);
  process.kill(first.pid, 'SIGKILL');
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });

  const second = await start();
  expect(second.pid).not.toBe(first.pid);
  expect(await query(second.url, 'select said from notes')).toEqual([{ said: 'kept' }]);
});

test('one that was killed and is not reaped by whoever started it does not stand in the way', async () => {
  const first = await start();
  await query(first.url, 'create table notes (said text)');
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  const zombie = await zombieProcess();
  const pidFile = path.join(home, 'postgres', 'data', 'postmaster.pid');
  const [, ...rest] = readFileSync(pidFile, 'utf8').split('\n');
  writeFileSync(pidFile, [zombie, ...rest].join('\n'));
  const second = await start();
  expect(await query(second.url, 'select said from notes')).toEqual([]);
  expect(said).toEqual([]);
});

/** A process of PostgreSQL's user that has ended, under a parent that never asks for its exit code. */
async function zombieProcess(): Promise<number> {
  const user = postgresUser();
  const parent = spawn('/bin/sh', ['-c', 'sleep 1 & echo $!; exec sleep 600'], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'ignore'],
    ...(user && { uid: user.uid, gid: user.gid }),
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  parents.push(parent);
  const pid = Number(line.toString());
  await until(() => (isZombie(pid) && isSleep(parent.pid!) ? true : undefined));
  return pid;
}

/** It still has its id, and no command any more. */
const isZombie = (pid: number) => process.kill(pid, 0) && commandLine(pid) === '';
const isSleep = (pid: number) => commandLine(pid).startsWith('sleep');

test('writes reach the disk before they are acknowledged', async () => {
  const { url } = await start();
  expect(await query(url, 'show fsync')).toEqual([{ fsync: 'on' }]);
  expect(await query(url, 'show synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
});

test('a taken port is moved on from, and that is said', async () => {
  const taken = await freePort(0);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(taken, '127.0.0.1', resolve));
  try {
    const postgres = await start(taken);
    expect(postgres.port).toBeGreaterThan(taken);
    expect(said).toContain(`Port ${taken} is taken; PostgreSQL listens on ${postgres.port}`);
    expect(await query(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  } finally {
    await new Promise((resolve) => other.close(resolve));
  }
});

test('only who knows the password is let in', async () => {
  const { url } = await start();
  const wrong = new URL(url);
  wrong.password = 'wrong';
  await expect(query(wrong.href, 'select 1')).rejects.toThrow('password authentication failed');
});

test('a server left over from a killed process is stopped, and its data served', async () => {
  const first = await start();
  await query(first.url, 'create table notes (said text)');

  const second = await start();
  expect(isAlive(first.pid)).toBe(false);
  expect(said.join('\n')).toContain(`left over from an earlier start (process ${first.pid})`);
  expect(await query(second.url, 'select said from notes')).toEqual([]);
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot('in a home that nobody but root may enter, the data lies elsewhere and is found again', async () => {
  removeHome(home);
  home = temporaryHome(0o700);
  const first = await start();
  expect(said.join('\n')).toMatch(/who may not enter .*; its data is in \/var\//);
  await query(first.url, 'create table notes (said text)');
  await first.stop();

  const second = await start();
  expect(await query(second.url, 'select said from notes')).toEqual([]);
});
