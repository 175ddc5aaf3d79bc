import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { until } from '../setup/until.ts';

const REPOSITORY = path.resolve(import.meta.dirname, '../..');

/** A clone in which all is set up but the command: the real scripts, and one source file. */
let clone: string;

beforeEach(() => {
  clone = mkdtempSync(path.join(os.tmpdir(), 'cadenza-setup-'));
  for (const name of ['scripts', 'bin']) {
    cpSync(path.join(REPOSITORY, name), path.join(clone, name), { recursive: true });
  }
  write('package.json', '{ "type": "module" }');
  write('package-lock.json', '{ "packages": { "": {} } }');
  write('node_modules/.package-lock.json', '{ "packages": {} }');
  write('src/cli/main.ts', `console.log('started with', process.argv[2] as string);\n`);
  symlinkSync(path.join(REPOSITORY, 'node_modules/node'), path.join(clone, 'node_modules/node'));
  mkdirSync(path.join(clone, 'node_modules/.bin'));
  for (const tool of ['temporal', 'temporal-test-server']) {
    write(`.cadenza/tools/bin/${tool}`, '');
    chmodSync(path.join(clone, '.cadenza/tools/bin', tool), 0o755);
  }
});

afterEach(() => rmSync(clone, { recursive: true, force: true }));

function write(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(clone, name)), { recursive: true });
  writeFileSync(path.join(clone, name), text);
}

/** @param env beside PATH, which finds Node and nothing else */
async function run(script: string, args: string[] = [], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [path.join(clone, script), ...args], {
    cwd: clone,
    env: { PATH: path.dirname(process.execPath), ...env },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const [code] = await once(child, 'close');
  return { code, said };
}

const setup = (env?: NodeJS.ProcessEnv, args = ['--test']) => run('scripts/setup.mjs', args, env);

/** An npm that writes down how it was called, and installs what the lockfile names when `finish` is there. */
function fakeNpm(): void {
  write(
    'fake/npm',
    `#!${process.execPath}
import fs from 'node:fs';
setTimeout(() => process.exit(1), 30_000).unref();
fs.appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
const { packages } = JSON.parse(fs.readFileSync('package-lock.json'));
const wanted = Object.entries(packages).filter(([place, { dev }]) => place && !(dev && process.argv.includes('--omit=dev')));
const timer = setInterval(() => {
  if (!fs.existsSync('finish')) return;
  fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages: Object.fromEntries(wanted) }));
  clearInterval(timer);
}, 10);
`,
  );
  chmodSync(path.join(clone, 'fake/npm'), 0o755);
  write('package-lock.json', JSON.stringify({ packages: { '': {}, ...locked } }));
}
const locked = { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0', dev: true } };
const withNpm = () => ({ PATH: `${path.join(clone, 'fake')}:${path.dirname(process.execPath)}` });
const npmCalls = () => {
  const file = path.join(clone, 'npm-calls');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
};

test('when all is there, setup says nothing and does nothing', async () => {
  expect((await setup()).said).toMatch(/^setup: packages \.\.\.\nsetup: packages done .*\n$/);
  const again = [await setup(), await setup()];
  expect(again).toEqual(Array(2).fill({ code: 0, said: '' }));
});

test('a clone runs its sources as they are, and compiles them once', async () => {
  await setup();
  expect((await run('bin/cadenza.mjs', ['doctor'])).said).toBe('started with doctor\n');
  expect(existsSync(path.join(clone, '.cadenza/compile-cache'))).toBe(true);
  write('src/cli/main.ts', `console.log('changed' as string);\n`);
  expect((await run('bin/cadenza.mjs')).said).toBe('changed\n');
});

test('a clone runs its sources as one bundle, whose modules find what lies beside them, and a new one of what has changed', async () => {
  for (const name of ['esbuild', '@esbuild'])
    symlinkSync(path.join(REPOSITORY, 'node_modules', name), path.join(clone, 'node_modules', name));
  write('src/cli/main.ts', `import { place } from '../place.ts';\nconsole.log(place as string);\n`);
  write('src/place.ts', `export const place = import.meta.filename;\n`);
  const bundles = () => readdirSync(path.join(clone, '.cadenza/cli'));
  const place = path.join(clone, 'src/place.ts');
  const together = await Promise.all([1, 2, 3].map(() => run('bin/cadenza.mjs')));
  expect(together).toEqual(Array(3).fill({ code: 0, said: `${place}\n` }));
  expect((await run('bin/cadenza.mjs')).said).toBe(`${place}\n`);
  expect(bundles()).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/)]);
  write('src/place.ts', `export const place = 'elsewhere';\n`);
  expect((await run('bin/cadenza.mjs')).said).toBe('elsewhere\n');
  expect(bundles()).toHaveLength(2);
  write('src/place.ts', 'export const place = ;\n');
  expect(await run('bin/cadenza.mjs')).toEqual({ code: 1, said: expect.stringContaining('src/place.ts') });
});

test('what a config of a clone imports is what runs: the bundle’s own modules, not the sources a second time', async () => {
  for (const name of ['esbuild', '@esbuild'])
    symlinkSync(path.join(REPOSITORY, 'node_modules', name), path.join(clone, 'node_modules', name));
  write('package.json', '{ "name": "cadenza", "type": "module", "exports": { "./tools": "./src/tools/index.ts" } }');
  write('src/tools/index.ts', 'export class Failure extends Error {}\n');
  write('cadenza.config.ts', `import { Failure } from 'cadenza/tools';\nexport default new Failure();\n`);
  write(
    'src/cli/main.ts',
    `import { Failure } from '../tools/index.ts';
const { default: failure } = await import(process.argv[2]!);
console.log(failure instanceof Failure);
`,
  );
  const config = path.join(clone, 'cadenza.config.ts');
  expect(await run('bin/cadenza.mjs', [config])).toEqual({ code: 0, said: 'true\n' });
  expect(readdirSync(path.join(clone, '.cadenza/cli'))).toHaveLength(1);
  write('own.ts', `import { Failure } from 'cadenza/tools';\nconsole.log(Failure.name);\n`);
  expect(await run('own.ts')).toEqual({ code: 0, said: 'Failure\n' });
});

test('npm start needs no packages for development, npm test adds them, and npm start then leaves them there', async () => {
  fakeNpm();
  write('finish', '');
  const env = withNpm();
  for (const args of [[], [], ['--test'], ['--test'], []])
    expect(await setup(env, args)).toEqual({ code: 0, said: expect.anything() });
  write(
    'package-lock.json',
    JSON.stringify({ packages: { '': {}, ...locked, 'node_modules/c': { version: '2.0.0' } } }),
  );
  await setup(env, []);
  const [first, second, third, ...more] = npmCalls();
  expect(first).toContain('ci --omit=dev');
  expect([second, third]).toEqual(Array(2).fill(expect.stringContaining('ci --include=dev')));
  expect(more).toEqual([]);
});

test('a setup that was killed leaves npm at work: the next one waits for it, and goes on from there', async () => {
  fakeNpm();
  const child = spawn(process.execPath, [path.join(clone, 'scripts/setup.mjs')], { cwd: clone, env: withNpm() });
  await until(() => npmCalls().length === 1 || undefined);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const next = setup(withNpm(), []);
  await until(() => readdirSync(path.join(clone, '.cadenza')).length > 2 || undefined);
  write('finish', '');
  const { code, said } = await next;
  expect(code).toBe(0);
  expect(said).toContain('another setup is at work');
  expect(npmCalls()).toHaveLength(1);
});

test('a setup that is asked to stop ends npm too, and the next one begins again', async () => {
  fakeNpm();
  const child = spawn(process.execPath, [path.join(clone, 'scripts/setup.mjs')], { cwd: clone, env: withNpm() });
  await until(() => npmCalls().length === 1 || undefined);
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  expect(code).toBe(130);
  write('finish', '');
  expect(await setup(withNpm(), [])).toEqual({ code: 0, said: expect.anything() });
  expect(npmCalls()).toHaveLength(2);
});

test('several at once do the work once, and a lock whose owner died holds nobody up', async () => {
  write('.cadenza/setup.lock/999999999', '');
  const together = await Promise.all([setup(), setup(), setup()]);
  expect(together.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(together.filter(({ said }) => said.includes('packages done')).length).toBe(1);
  expect(existsSync(path.join(clone, '.cadenza/setup.lock'))).toBe(false);
});

test('who finds the lock of a dead owner after somebody else took it over leaves it to that one', async () => {
  write('.cadenza/setup.lock/999999999', '');
  write(
    'first.mjs',
    `import fs from 'node:fs';
     import { holdFor, locked } from './scripts/setup/lock.mjs';
     process.on('exit', () => fs.writeFileSync('ended', ''));
     await locked(() => {}, async () => {
       for (let i = 1; !fs.existsSync('waits'); i++) {
         holdFor([i]);
         fs.writeFileSync('holds', String(i));
       }
       console.log('held to its end');
     });`,
  );
  write(
    'second.mjs',
    `import fs from 'node:fs';
     import { locked } from './scripts/setup/lock.mjs';
     const until = (holds) => { while (!holds()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); };
     const beats = () => fs.existsSync('holds') && fs.readFileSync('holds', 'utf8');
     const rename = fs.renameSync;
     fs.renameSync = (from, to) => {
       if (!from.includes('setup.lock.') && !fs.existsSync('found')) {
         fs.writeFileSync('found', '');
         until(() => fs.existsSync('holds'));
         try {
           return rename(from, to);
         } finally {
           const before = beats();
           until(() => beats() !== before || fs.existsSync('ended'));
         }
       }
       return rename(from, to);
     };
     await locked(() => fs.writeFileSync('waits', ''), async () => console.log('then it'));`,
  );
  const second = run('second.mjs');
  await until(() => existsSync(path.join(clone, 'found')) || undefined);
  expect(await run('first.mjs')).toEqual({ code: 0, said: 'held to its end\n' });
  expect(await second).toEqual({ code: 0, said: 'then it\n' });
});

test('without Python, setup names the command that mends it, and goes on', async () => {
  rmSync(path.join(clone, '.cadenza/tools'), { recursive: true });
  const { code, said } = await setup();
  expect(code).toBe(0);
  expect(said).toMatch(/Temporal: no python3 here.*(apt-get install -y python3|brew install python)/);
});

test('a Temporal server named by the environment needs no other', async () => {
  rmSync(path.join(clone, '.cadenza/tools'), { recursive: true });
  const { said } = await run('scripts/setup.mjs', [], { TEMPORAL_ADDRESS: '127.0.0.1:7233' });
  expect(said).not.toContain('Temporal');
});

test('`cadenza` before the setup names the command that does it', async () => {
  rmSync(path.join(clone, 'node_modules'), { recursive: true });
  const { code, said } = await run('bin/cadenza.mjs');
  expect(code).toBe(1);
  expect(said).toBe('Cadenza is not set up yet. Mend it with: npm run setup\n');
});

test('npx finds the command without looking through all packages: package.json names none', () => {
  expect(JSON.parse(readFileSync(path.join(REPOSITORY, 'package.json'), 'utf8'))).not.toHaveProperty('bin');
});
