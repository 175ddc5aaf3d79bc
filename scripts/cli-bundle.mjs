/** The command line of a clone as a few files instead of a thousand: finding, reading and linking those is a third of a
 *  start. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { registerHooks } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** Packages of hundreds of modules each, which only our own import. All others stay what they are: users' modules, or other
 *  packages, expect the same copy. */
const TAKEN_IN = ['@anthropic-ai/sdk', '@opentelemetry/api', 'kysely', 'openai'];
/** What was made of sources that have changed is kept for those who still run it, ms. */
const KEPT_MS = 7 * 24 * 3_600_000;

/** Made once of the sources as they are, and again when one of them has changed.
 *  @returns the file to start: the source itself where no bundle can be made, since it may know better why */
export async function bundledCli(root) {
  const folder = path.join(root, '.cadenza', 'cli');
  const bundle = path.join(folder, stampOf(root));
  const [main, ...entries] = ['src/cli/main.ts', ...entriesOf(root)].map((name) => path.join(root, name));
  try {
    if (!fs.existsSync(bundle)) {
      await bundleInto(bundle, root, [main, ...entries]);
      forgetOld(folder);
    }
  } catch {
    return main;
  }
  const inBundle = (file) => path.join(bundle, path.relative(path.join(root, 'src'), file).replace(/\.ts$/, '.js'));
  answerFor(new Map(entries.map((file) => [file, inBundle(file)].map((one) => pathToFileURL(one).href))));
  return inBundle(main);
}

/** What users import of a clone: `cadenza/config`, `cadenza/tools`, ... */
function entriesOf(root) {
  const { exports = {} } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  return Object.values(exports).filter((file) => file.startsWith?.('./src/'));
}

/** A config and its tools are given the modules that run: a second copy of them, from the sources, would have classes and
 *  state of its own. */
function answerFor(entries) {
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      const url = specifier.startsWith('cadenza/') ? entries.get(found.url) : undefined;
      return url === undefined ? found : { ...found, url, format: 'module' };
    },
  });
}

/** Changes with every change of a source or a package, without any of them being read. */
function stampOf(root) {
  const sources = fs
    .readdirSync(path.join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter(({ name }) => name.endsWith('.ts'))
    .map(({ parentPath, name }) => `${parentPath}/${name}`)
    .sort();
  const stamp = createHash('sha256');
  const others = [path.join(root, 'package.json'), path.join(root, 'node_modules', '.package-lock.json')];
  for (const file of [import.meta.filename, ...others, ...sources]) {
    const { mtimeMs, size } = fs.statSync(file, { throwIfNoEntry: false }) ?? {};
    stamp.update(`${file} ${mtimeMs} ${size}\n`);
  }
  return stamp.digest('hex').slice(0, 16);
}

async function bundleInto(bundle, root, entryPoints) {
  const { build, stop } = await import('esbuild');
  const unfinished = `${bundle}.${process.pid}`;
  try {
    await build({
      absWorkingDir: root,
      entryPoints,
      outbase: path.join(root, 'src'),
      outdir: unfinished,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node24',
      plugins: [{ name: 'cadenza', setup }],
      sourcemap: 'linked',
      logLevel: 'silent',
    });
    fs.renameSync(unfinished, bundle);
  } catch (error) {
    fs.rmSync(unfinished, { recursive: true, force: true });
    // Whoever was quicker made the same.
    if (!fs.existsSync(bundle)) throw error;
  } finally {
    await stop();
  }
}

function setup(bundler) {
  bundler.onResolve({ filter: /^[^./]/ }, ({ path: name }) => (isTakenIn(name) ? undefined : { external: true }));
  bundler.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path: file }) => ({
    contents: withPlaces(file),
    loader: 'ts',
  }));
}

const isTakenIn = (name) => TAKEN_IN.some((taken) => name === taken || name.startsWith(`${taken}/`));

/** A module finds its neighbours where they are, whatever file it has become a part of. */
function withPlaces(file) {
  const places = { url: pathToFileURL(file).href, filename: file, dirname: path.dirname(file) };
  return fs
    .readFileSync(file, 'utf8')
    .replace(/\bimport\.meta\.(url|filename|dirname)\b/g, (_, name) => JSON.stringify(places[name]));
}

function forgetOld(folder) {
  for (const name of fs.readdirSync(folder)) {
    const place = path.join(folder, name);
    if (Date.now() - fs.statSync(place).mtimeMs > KEPT_MS) fs.rmSync(place, { recursive: true, force: true });
  }
}
