/** Makes `dist/` of `src/`, beside the old one and then in its place: a build that fails, or runs meanwhile, breaks nobody. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const DIST = path.join(ROOT, 'dist');
const SOURCES = path.join(ROOT, 'src');
/** Bundled for browsers, and not copied. */
const WEB = path.join(SOURCES, 'web');
/** What tsc made, kept with what it knows, so that the next time it only looks at what has changed (tsconfig.build.json). */
const COMPILED = path.join(ROOT, '.cadenza', 'build', 'out');
const UNFINISHED = path.join(ROOT, '.cadenza', 'build', `dist.${process.pid}`);

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
  execFileSync(path.join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', path.join(ROOT, 'tsconfig.build.json')], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` },
  });
  // Sources that are no more have left theirs.
  copyFiles(COMPILED, outDir, (file) => fs.existsSync(path.join(SOURCES, file.replace(/(\.d\.ts|\.js)$/, '.ts'))));
}

/** What is not TypeScript lies beside the code that reads it. */
function copyPages(outDir) {
  copyFiles(SOURCES, outDir, (file) => !file.endsWith('.ts') && !path.join(SOURCES, file).startsWith(WEB));
}

/** @param isWanted asked with the path below `from` */
function copyFiles(from, to, isWanted) {
  for (const entry of fs.readdirSync(from, { recursive: true, withFileTypes: true })) {
    const file = path.relative(from, path.join(entry.parentPath, entry.name));
    if (!entry.isFile() || !isWanted(file)) continue;
    fs.mkdirSync(path.dirname(path.join(to, file)), { recursive: true });
    fs.copyFileSync(path.join(from, file), path.join(to, file));
  }
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

function replace(place, made) {
  const old = `${UNFINISHED}.old`;
  if (fs.existsSync(place)) fs.renameSync(place, old);
  fs.renameSync(made, place);
  fs.rmSync(old, { recursive: true, force: true });
}
