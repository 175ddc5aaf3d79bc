/** Makes `dist/` of `src/`, beside the old one and then in its place: a build that fails, or runs meanwhile, breaks nobody. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const DIST = path.join(ROOT, 'dist');
/** Bundled for browsers, and not copied. */
const WEB = path.join(ROOT, 'src', 'web');
const UNFINISHED = `${DIST}.${process.pid}`;

try {
  compile(UNFINISHED);
  copyPages(UNFINISHED);
  await bundleWorkflows(UNFINISHED);
  await bundlePage(UNFINISHED);
  replace(DIST, UNFINISHED);
} catch (error) {
  if (error.status === undefined) throw error;
  process.exitCode = error.status || 1;
} finally {
  fs.rmSync(UNFINISHED, { recursive: true, force: true });
}

function compile(outDir) {
  const tsc = path.join(ROOT, 'node_modules', '.bin', 'tsc');
  const args = ['-p', path.join(ROOT, 'tsconfig.build.json'), '--outDir', outDir, '--noEmitOnError'];
  execFileSync(tsc, args, {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` },
  });
}

/** What is not TypeScript lies beside the code that reads it. */
function copyPages(outDir) {
  const source = path.join(ROOT, 'src');
  fs.cpSync(source, outDir, {
    recursive: true,
    filter: (file) =>
      file !== WEB &&
      !file.endsWith('.ts') &&
      (!fs.statSync(file).isDirectory() ||
        fs.existsSync(path.join(outDir, path.relative(source, file))) ||
        hasPages(file)),
  });
}

/** The patterns as Temporal's sandbox runs them: made once here instead of at every worker's start. */
async function bundleWorkflows(outDir) {
  const { bundlePatterns } = await import(pathToFileURL(path.join(outDir, 'workers', 'workflow-bundle.js')).href);
  fs.writeFileSync(path.join(outDir, 'workflow-bundle.cjs'), await bundlePatterns());
}

async function bundlePage(outDir) {
  const { bundlePage } = await import(pathToFileURL(path.join(outDir, 'gateway', 'pages', 'page-bundle.js')).href);
  await bundlePage(WEB, path.join(outDir, 'web'));
}

function hasPages(folder) {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .some((entry) => entry.isFile() && !entry.name.endsWith('.ts') && !entry.parentPath.startsWith(WEB));
}

function replace(place, made) {
  const old = `${place}.old.${process.pid}`;
  if (fs.existsSync(place)) fs.renameSync(place, old);
  fs.renameSync(made, place);
  fs.rmSync(old, { recursive: true, force: true });
}
