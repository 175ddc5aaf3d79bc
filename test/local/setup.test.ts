import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

const REPOSITORY = path.resolve(import.meta.dirname, '../..');

/** A clone in which all is set up but the build: the real scripts, compiler and configuration, and two source files. */
let clone: string;

beforeEach(() => {
  clone = mkdtempSync(path.join(os.tmpdir(), 'cadenza-setup-'));
  for (const name of ['scripts', 'bin', 'tsconfig.json', 'tsconfig.build.json']) {
    cpSync(path.join(REPOSITORY, name), path.join(clone, name), { recursive: true });
  }
  write('package.json', '{ "type": "module" }');
  write('package-lock.json', '{ "packages": { "": {} } }');
  write('node_modules/.package-lock.json', '{ "packages": {} }');
  write('src/cli/main.ts', `console.log('started with', process.argv[2] as string);\n`);
  write('src/workers/workflow-bundle.ts', `export const bundlePatterns = async () => 'bundled';\n`);
  write('src/cli/page.html', '<p>page</p>\n');
  for (const name of ['node', 'typescript', '@types', '@typescript', 'undici-types']) {
    const installed = path.join(REPOSITORY, 'node_modules', name);
    if (existsSync(installed)) symlinkSync(installed, path.join(clone, 'node_modules', name));
  }
  mkdirSync(path.join(clone, 'node_modules/.bin'));
  symlinkSync('../typescript/bin/tsc', path.join(clone, 'node_modules/.bin/tsc'));
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

const setup = (env?: NodeJS.ProcessEnv) => run('scripts/setup.mjs', ['--test'], env);
const built = () => statSync(path.join(clone, 'dist/cli/main.js')).mtimeMs;

test('when all is there, setup says nothing and does nothing', async () => {
  expect((await setup()).said).toMatch(
    /^setup: packages \.\.\.\nsetup: packages done .*\nsetup: build \.\.\.\nsetup: build done .*\n$/,
  );
  const first = built();
  const again = [await setup(), await setup()];
  expect(again).toEqual(Array(2).fill({ code: 0, said: '' }));
  expect(built()).toBe(first);
});

test('what is built is what `cadenza` runs, and it is built again only when a source changes', async () => {
  await setup();
  expect(existsSync(path.join(clone, 'dist/cli/page.html'))).toBe(true);
  expect((await run('bin/cadenza.mjs', ['doctor'])).said).toBe('started with doctor\n');
  const first = built();
  await setup();
  expect(built()).toBe(first);
  write('src/cli/main.ts', `console.log('changed');\n`);
  await setup();
  expect((await run('bin/cadenza.mjs')).said).toBe('changed\n');
});

test('sources that do not compile are reported, and what was built before stays', async () => {
  await setup();
  write('src/cli/main.ts', 'const wrong: number = "text"; console.log(wrong);\n');
  const failed = await setup();
  expect(failed.code).toBe(1);
  expect(failed.said).toContain('src/cli/main.ts(1,7): error TS2322');
  expect(failed.said).toContain('npm run build');
  expect((await run('bin/cadenza.mjs', ['doctor'])).said).toBe('started with doctor\n');
});

test('several at once build once, and a lock whose owner died holds nobody up', async () => {
  write('.cadenza/setup.lock/pid', '999999999');
  const together = await Promise.all([setup(), setup(), setup()]);
  expect(together.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(together.filter(({ said }) => said.includes('build done')).length).toBe(1);
  expect(existsSync(path.join(clone, '.cadenza/setup.lock'))).toBe(false);
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

test('`cadenza` before the build names the command that builds it', async () => {
  const { code, said } = await run('bin/cadenza.mjs');
  expect(code).toBe(1);
  expect(said).toBe('Cadenza is not built yet. Mend it with: npm run setup\n');
});
