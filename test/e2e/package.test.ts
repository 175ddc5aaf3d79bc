import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { publint } from 'publint';
import { type Manifest, type Stranger, stranger } from './stranger.ts';

const BIN = 'node_modules/cadenza/bin/cadenza.mjs';
const TSC = 'node_modules/typescript/bin/tsc';

let project: Stranger;
beforeAll(async () => {
  project = await stranger(['@types/node', 'typescript', 'undici-types']);
});
afterAll(() => project.leave());

const entries = () => Object.entries(project.manifest.exports).filter(([name]) => name !== './package.json');
const specifiers = () => entries().map(([name]) => name.replace('.', 'cadenza'));

test('linters of published packages find nothing to say', async () => {
  const bytes = Uint8Array.from(readFileSync(project.tarball));
  const { messages } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
  expect(messages).toEqual([]);
  const analysis = await checkPackage(createPackageFromTarballData(bytes));
  if (!analysis.types) throw new Error('The package has no types');
  // It is for `import` alone: Node's `require` of today reads that too, and the resolution of Node 10 knows no `exports`.
  const problems = analysis.problems.filter(
    (problem) => !('resolutionKind' in problem) || !['node10', 'node16-cjs'].includes(problem.resolutionKind),
  );
  expect(problems).toEqual([]);
});

test('the package is no larger than it needs to be, and holds neither sources nor maps', () => {
  const files = readdirSync(path.join(project.folder, 'node_modules/cadenza'), { recursive: true }) as string[];
  expect(
    files.filter((file) => /^src\/|\.map$|(?<!\.d)\.ts$/.test(file) && !/^(examples|templates)\//.test(file)),
  ).toEqual([]);
  const megabytes = statSync(project.tarball).size / 1e6;
  console.log(`${files.length} files, ${megabytes.toFixed(1)} MB packed`);
  expect(megabytes).toBeLessThan(3.5);
});

test('every package that the build imports is one it depends on', () => {
  const dist = path.join(project.folder, 'node_modules/cadenza/dist');
  const files = (readdirSync(dist, { recursive: true }) as string[]).filter((file) => /\.js$/.test(file));
  const imported = new Set<string>();
  for (const file of files.filter((name) => !name.startsWith('web/'))) {
    const code = readFileSync(path.join(dist, file), 'utf8');
    for (const [, specifier] of code.matchAll(/^(?:import|(?:import|export) .* from) ['"]([^'".][^'"]*)['"];/gm)) {
      imported.add(
        specifier!
          .split('/')
          .slice(0, specifier!.startsWith('@') ? 2 : 1)
          .join('/'),
      );
    }
  }
  const known = [...Object.keys(project.manifest.dependencies), ...builtinModules, 'cadenza'];
  expect([...imported].filter((name) => !name.startsWith('node:') && !known.includes(name))).toEqual([]);
  expect(imported.size).toBeGreaterThan(20);
});

test('its types name none of pg, which has no types of its own', () => {
  const root = path.join(project.folder, 'node_modules/cadenza');
  const seen = new Set<string>();
  const named = new Set<string>();
  const types = entries().flatMap(([, entry]) => (typeof entry === 'string' ? [] : [entry.types]));
  const open = types.map((file) => path.join(root, file));
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const [, name] of readFileSync(file, 'utf8').matchAll(/^(?:import|export) [^;]*?from ['"]([^'"]+)['"];/gm)) {
      if (name!.startsWith('.')) open.push(path.join(path.dirname(file), name!.replace(/\.[jt]s$/, '.d.ts')));
      else named.add(name!);
    }
  }
  expect(seen.size).toBeGreaterThan(100);
  expect([...named].filter((name) => name === 'pg')).toEqual([]);
});

test('every entry is imported, and the command runs', async () => {
  const program = specifiers().map(
    (name) => `console.log(Object.keys(await import('${name}')).length > 0, '${name}');`,
  );
  writeFileSync(path.join(project.folder, 'entries.mjs'), program.join('\n'));
  expect(await project.node(['entries.mjs'])).toEqual({
    code: 0,
    text: specifiers()
      .map((name) => `true ${name}\n`)
      .join(''),
  });
  expect(await project.node([BIN, '--version'])).toEqual({ code: 0, text: '0.1.0\n' });
});

/** A program over all entries. */
function uses(): string {
  const all = specifiers().map((name, index) => `import * as entry${index} from '${name}';\nexport { entry${index} };`);
  return `${all.join('\n')}
import { generate } from 'cadenza/workflow';
import { connect } from 'cadenza/client';
export async function short(topic: string): Promise<string> {
  const { text } = await generate({ step: 'short', prompt: topic });
  return text;
}
export async function ask(): Promise<number | null> {
  const cadenza = await connect();
  const run = await cadenza.start('ask', { prompt: 'Why?' });
  return (await run.result()).costUsd;
}
// @ts-expect-error: types are there, and are no \`any\`
export const wrong = async () => (await connect()).start('ask', { prompt: 7 });
`;
}

test('bundlers understand the types of every entry', async () => {
  writeFileSync(path.join(project.folder, 'uses.ts'), uses());
  const tsconfig = {
    compilerOptions: {
      ...{
        module: 'esnext',
        moduleResolution: 'bundler',
        target: 'es2024',
        lib: ['es2024', 'esnext.disposable', 'dom'],
      },
      ...{ types: ['node'], strict: true, noEmit: true, skipLibCheck: true },
    },
    files: ['uses.ts'],
  };
  writeFileSync(path.join(project.folder, 'tsconfig.json'), JSON.stringify(tsconfig));
  expect(await project.node([TSC])).toEqual({ code: 0, text: '' });
});

test('cadenza init makes a project whose types are right, for Node, and whose test is green', async () => {
  const made = await project.node([BIN, 'init', 'briefings', '--json']);
  expect(made).toMatchObject({ code: 0 });
  const { created } = JSON.parse(made.text) as { created: string[] };
  expect(created).toEqual(expect.arrayContaining(['.gitignore', '.env.example', 'AGENTS.md', 'package.json']));
  const read = (file: string) => readFileSync(path.join(project.folder, 'briefings', file), 'utf8');
  for (const [, mounted] of read('docker-compose.yml').matchAll(/\.\/([\w./-]+):/g)) expect(created).toContain(mounted);

  for (const [, copied] of read('Dockerfile').matchAll(/^COPY (\w+) /gm))
    expect(created.some((file) => file.startsWith(`${copied}/`))).toBe(true);

  writeFileSync(path.join(project.folder, 'briefings', 'src', 'uses.ts'), uses());
  expect(await project.node([`../${TSC}`], 'briefings')).toEqual({ code: 0, text: '' });
  const tested = await project.node(['--test', 'test/workflows.test.ts'], 'briefings');
  expect(tested).toEqual({ code: 0, text: expect.stringMatching(/pass 2\n/) });

  const own = path.join(project.folder, 'package.json');
  const specifier = `file:${path.basename(project.tarball)}`;
  writeFileSync(own, JSON.stringify({ name: 'stranger', type: 'module', dependencies: { cadenza: specifier } }));
  expect(await project.node([BIN, 'init', 'contained'])).toMatchObject({ code: 0 });
  const contained = path.join(project.folder, 'contained');
  const { dependencies } = JSON.parse(readFileSync(path.join(contained, 'package.json'), 'utf8')) as Manifest;
  expect(dependencies.cadenza).toBe(`file:vendor/${path.basename(project.tarball)}`);
  const copied = path.join(contained, dependencies.cadenza!.slice('file:'.length));
  expect(readFileSync(copied).equals(readFileSync(project.tarball))).toBe(true);

  const again = await project.node([BIN, 'init', 'briefings']);
  expect(again).toEqual({ code: 2, text: expect.stringContaining('--force') });
});
