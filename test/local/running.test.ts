import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readRunning } from '../../src/local/index.ts';
import { claimHome, type Running, writeRunning } from '../../src/local/running.ts';
import { exitOf } from '../../src/local/server-process.ts';
import { until } from '../setup/until.ts';
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

const RUNNING = path.resolve(import.meta.dirname, '../../src/local/running.ts');

/** Another process that claims the home, and keeps it until it is killed. */
function claimant(before = '') {
  const code = `${before}
    const { claimHome } = await import(${JSON.stringify(RUNNING)});
    claimHome(${JSON.stringify(home)});
    console.log('has it');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] });
  return { child, exited: exitOf(child), said: text(child.stderr), claimed: once(child.stdout, 'data') };
}

async function killed({ child, exited, claimed }: ReturnType<typeof claimant>): Promise<void> {
  await claimed;
  child.kill('SIGKILL');
  await exited;
}

test('notes of a process that was killed are not believed', async () => {
  const supervisor = claimant();
  await supervisor.claimed;
  const pid = supervisor.child.pid!;
  writeRunning(home, running(pid));
  expect(readRunning(home)?.pid).toBe(pid);
  expect(() => claimHome(home)).toThrow(`Cadenza already runs in ${home} (process ${pid}).`);
  await killed(supervisor);
  expect(readRunning(home)).toBeUndefined();
  claimHome(home)();
});

test('notes are not believed when their process id belongs to another program by now', async () => {
  await killed(claimant());
  const [owner] = readdirSync(path.join(home, 'supervisor'));
  const again = owner!.replace(/^\d+/, String(process.pid));
  renameSync(path.join(home, 'supervisor', owner!), path.join(home, 'supervisor', again));
  writeRunning(home, running(process.pid));
  expect(readRunning(home)).toBeUndefined();
});

test('a home of a process that was killed is not the process that has its id and its command after a reboot', () => {
  claimHome(home);
  const [owner] = readdirSync(path.join(home, 'supervisor'));
  const other = temporaryHome();
  mkdirSync(path.join(other, 'supervisor'));
  writeFileSync(path.join(other, 'supervisor', owner!), '');
  claimHome(other)();
  removeHome(other);
});

test('of two that find the home of a dead process one gets it', async () => {
  await killed(claimant());
  const second = claimant(`
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const changes = { renameSync: fs.renameSync, rmSync: fs.rmSync };
    for (const [name, change] of Object.entries(changes)) {
      fs[name] = (file, ...rest) => {
        if (file.includes('supervisor/') || file.endsWith('supervisor.pid')) {
          fs.writeFileSync(${JSON.stringify(path.join(home, 'found'))}, '');
          while (!fs.existsSync(${JSON.stringify(path.join(home, 'taken'))}));
        }
        return change(file, ...rest);
      };
    }
    syncBuiltinESMExports();`);
  await until(() => existsSync(path.join(home, 'found')) || undefined);
  const release = claimHome(home);
  writeFileSync(path.join(home, 'taken'), '');
  await Promise.race([second.exited, second.claimed.then(() => second.child.kill())]);
  expect(await second.said).toContain(`Cadenza already runs in ${home} (process ${process.pid})`);
  release();
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
