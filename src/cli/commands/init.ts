import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { usageError } from '../failure.ts';
import { printJson, printLine, printNote, wantsJson } from '../output.ts';
import { VERSION } from '../version.ts';

const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url));
const TEMPLATE = path.join(PACKAGE, 'templates', 'project');
/** Said to everybody in one place, and to projects by a copy. */
const COPIES = ['AGENTS.md', 'docker-compose.yml', 'docker/temporal-dynamic-config.yaml'];
/** What npm, git and `cadenza dev` leave: a folder that holds nothing else is taken for empty. */
const NO_WORK_YET = ['package.json', 'package-lock.json', 'node_modules', '.git', '.cadenza'];
const NEXT = ['npm install', 'npm test', 'npm start'];

interface Manifest {
  name?: string;
  dependencies?: Record<string, string>;
}

export function configure(command: Command): void {
  command
    .argument('[folder]', 'where it is made', '.')
    .option('--force', 'also where there is something already; files that are there stay as they are')
    .addHelpText('after', '\nExamples:\n  $ cadenza init my-project\n  $ cadenza init')
    .action((given: string, { force = false }: { force?: boolean }) => {
      const folder = path.resolve(given);
      if (!force) refuseWork(folder);
      const { created, kept } = writeFiles(folder, filesOf(folder));
      const steps = folder === process.cwd() ? NEXT : [`cd ${given}`, ...NEXT];
      if (wantsJson(command)) {
        printJson({ folder, created, kept, next: steps });
        return;
      }
      for (const file of created) printLine(`  + ${file}`);
      for (const file of kept) printLine(`  = ${file} was there, and stays as it is`);
      printNote(`\nA workflow of your own, its worker and its test are in ${folder}. Next:\n`);
      for (const step of steps) printNote(`  ${step}`);
    });
}

function refuseWork(folder: string): void {
  const work = existsSync(folder) ? readdirSync(folder).filter((name) => !NO_WORK_YET.includes(name)) : [];
  if (work.length === 0) return;
  throw usageError(
    `There is something in ${folder} already: ${work.slice(0, 3).join(', ')}${work.length > 3 ? ', ...' : ''}`,
    'Name another folder, or give --force: files that are there stay as they are.',
  );
}

/** @returns what is in them by path, in the folder to be */
function filesOf(folder: string): Map<string, string | Buffer> {
  const read = (...parts: string[]) => readFileSync(path.join(...parts), 'utf8');
  const templates = readdirSync(TEMPLATE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(TEMPLATE, path.join(entry.parentPath, entry.name)))
    .sort();
  const files = new Map<string, string | Buffer>(COPIES.map((file) => [file, read(PACKAGE, file)]));
  // npm leaves files like .gitignore out of packages: they are packed under another name.
  for (const file of templates) files.set(file.replace(/^dot-/, '.'), read(TEMPLATE, file));
  const manifest = manifestOf(folder, JSON.parse(read(TEMPLATE, 'package.json')));
  files.set('package.json', `${JSON.stringify(manifest, null, 2)}\n`);
  const tarball = ownTarball();
  if (tarball) files.set(vendored(tarball), readFileSync(tarball));
  return files;
}

/** What is in the folder's package.json stays; what the project needs beside it is added. */
function manifestOf(folder: string, template: Manifest & Record<string, unknown>): object {
  const there = readManifest(folder);
  const { dependencies: ours = {} } = JSON.parse(readFileSync(path.join(PACKAGE, 'package.json'), 'utf8')) as Manifest;
  const needed = Object.keys(template.dependencies ?? {}).map((name) => [
    name,
    name === 'cadenza' ? ownSpecifier(folder) : ours[name],
  ]);
  const merged: Record<string, unknown> = { name: path.basename(folder), ...there, type: template.type };
  for (const [field, value] of Object.entries({ ...template, dependencies: Object.fromEntries(needed) })) {
    const present = merged[field];
    merged[field] = isRecord(value)
      ? { ...value, ...(isRecord(present) ? withoutNpmsTest(present) : {}) }
      : (present ?? value);
  }
  const { dependencies } = merged as Manifest;
  if (dependencies && ownTarball()) dependencies.cadenza = ownSpecifier(folder);
  return merged;
}

/** How this package got here: from a file, or by its version. @throws CliFailure in a clone, which no registry has */
function ownSpecifier(folder: string): string {
  const specifier = readManifest(process.cwd()).dependencies?.cadenza;
  if (specifier === undefined) {
    if (!isClone()) return `^${VERSION}`;
    throw usageError(
      'This is a clone of Cadenza, and no registry has it: a project is made from a package.',
      'npm pack makes one. Then, in the folder of the project: npm init -y && npm install <the .tgz> && npx cadenza init',
    );
  }
  if (!specifier.startsWith('file:')) return specifier;
  const tarball = ownTarball();
  return `file:${tarball ? vendored(tarball) : path.relative(folder, fileOf(specifier))}`;
}

const isClone = () => existsSync(path.join(PACKAGE, 'src', 'cli', 'main.ts'));
const fileOf = (specifier: string) => path.resolve(specifier.slice('file:'.length));

/** The packed package this one was installed from. It goes into the project: a container is built from that alone. */
function ownTarball(): string | undefined {
  const specifier = readManifest(process.cwd()).dependencies?.cadenza;
  const file = specifier?.startsWith('file:') ? fileOf(specifier) : undefined;
  return file?.endsWith('.tgz') && existsSync(file) ? file : undefined;
}

const vendored = (tarball: string) => `vendor/${path.basename(tarball)}`;

/** `npm init` writes a test that fails. */
function withoutNpmsTest(scripts: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(scripts).filter(([, script]) => !String(script).includes('no test specified')),
  );
}

function readManifest(folder: string): Manifest {
  const file = path.join(folder, 'package.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Manifest) : {};
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function writeFiles(folder: string, files: Map<string, string | Buffer>): { created: string[]; kept: string[] } {
  const created: string[] = [];
  const kept: string[] = [];
  for (const [file, text] of files) {
    const place = path.join(folder, file);
    if (existsSync(place) && file !== 'package.json') {
      kept.push(file);
      continue;
    }
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, text);
    created.push(file);
  }
  return { created, kept };
}
