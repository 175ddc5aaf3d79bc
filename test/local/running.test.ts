import { spawn } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readRunning } from '../../src/local/index.ts';
import { recordProcess } from '../../src/local/leftovers.ts';
import { claimHome, type Running, writeRunning } from '../../src/local/running.ts';
import { exitOf } from '../../src/local/server-process.ts';
import { removeHome, temporaryHome } from './temporary-home.ts';

let home: string;
beforeEach(() => {
  home = temporaryHome();
});
afterEach(() => removeHome(home));

const running = (pid: number): Running => ({
  pid,
  url: 'http://127.0.0.1:4100',
  port: 4100,
  temporalAddress: '127.0.0.1:7233',
  temporalNamespace: 'default',
  databaseUrl: 'postgresql://cadenza:secret@127.0.0.1:5433/cadenza',
});

test('what runs in a home is found there, and by nobody but its user', () => {
  const release = claimHome(home);
  expect(readRunning(home)).toBeUndefined();
  writeRunning(home, running(process.pid));
  expect(readRunning(home)).toEqual(running(process.pid));
  expect(statSync(path.join(home, 'running.json')).mode & 0o777).toBe(0o600);
  release();
  expect(readRunning(home)).toBeUndefined();
});

test('notes of a process that was killed are not believed', async () => {
  const supervisor = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const exited = exitOf(supervisor);
  const pid = supervisor.pid!;
  recordProcess(path.join(home, 'supervisor.pid'), pid);
  writeRunning(home, running(pid));
  expect(readRunning(home)?.pid).toBe(pid);
  supervisor.kill('SIGKILL');
  await exited;
  expect(readRunning(home)).toBeUndefined();
});

test('notes are not believed when their process id belongs to another program by now', () => {
  const record = { pid: process.pid, command: 'node some-other-program.js' };
  writeFileSync(path.join(home, 'supervisor.pid'), JSON.stringify(record));
  writeRunning(home, running(process.pid));
  expect(readRunning(home)).toBeUndefined();
});

test('a home is claimed once, and again after it was given back', () => {
  const release = claimHome(home);
  expect(() => claimHome(home)).toThrow(
    `Cadenza already runs in ${home} (process ${process.pid}). It is just starting.`,
  );
  writeRunning(home, running(process.pid));
  expect(() => claimHome(home)).toThrow('Page and API: http://127.0.0.1:4100.');
  release();
  claimHome(home)();
});
