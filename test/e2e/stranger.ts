import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** As if started by hand: runners of tests do nothing where they are told that another one is at work. */
const ENVIRONMENT = { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined, NO_COLOR: '1' };

export interface Manifest {
  exports: Record<string, string | { types: string; default: string }>;
  dependencies: Record<string, string>;
}

/** A project of a stranger, in an empty folder, into which the package was installed. */
export interface Stranger {
  folder: string;
  tarball: string;
  /** of the package, as packed */
  manifest: Manifest;
  /** Runs Node in the folder, or one below it. */
  node(args: string[], below?: string): Promise<{ code: number; text: string }>;
  leave(): void;
}

/**
 * Packs the package as for publishing, and unpacks that into an empty project. Dependencies are linked to our own, where
 * installing them would take minutes: exactly those the package names, and those the project needs itself.
 */
export async function stranger(ownDependencies: string[]): Promise<Stranger> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cadenza-stranger-'));
  const modules = path.join(folder, 'node_modules');
  mkdirSync(modules);
  const packed = await promisify(execFile)('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [{ filename }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[\n'))) as [{ filename: string }];
  const tarball = path.join(folder, filename);
  await promisify(execFile)('tar', ['-xzf', tarball, '-C', modules]);
  renameSync(path.join(modules, 'package'), path.join(modules, 'cadenza'));
  const manifest = JSON.parse(readFileSync(path.join(modules, 'cadenza', 'package.json'), 'utf8')) as Manifest;
  for (const name of [...Object.keys(manifest.dependencies), ...ownDependencies]) {
    mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
    symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name));
  }
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'stranger', type: 'module' }));
  return {
    folder,
    tarball,
    manifest,
    node: (args, below = '.') =>
      promisify(execFile)(process.execPath, args, { cwd: path.join(folder, below), env: ENVIRONMENT }).then(
        ({ stdout, stderr }) => ({ code: 0, text: stdout + stderr }),
        ({ code, stdout, stderr }) => ({ code, text: stdout + stderr }),
      ),
    leave: () => rmSync(folder, { recursive: true, force: true }),
  };
}
