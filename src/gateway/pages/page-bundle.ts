import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';

const ROOMS = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
/** Where `npm run build` puts the page beside the compiled gateway. */
const PREBUILT = path.join(ROOMS, 'web');
/** Where a clone keeps what it built of its sources. */
const KEPT = path.join(ROOMS, '../.cadenza/web');
const LOCKFILE = path.join(ROOMS, '../package-lock.json');

const HTML = 'index.html';
const ENTRIES = { page: 'main.tsx', style: 'styles/index.css', icon: 'icon.svg' };

/** What is being built in this process: whoever asks meanwhile waits for the same. */
const underWay = new Map<string, Promise<void>>();

/** The folder of the built page: the one that ships with the build, else one made now of the sources and kept by their
 *  hash. Changed sources are built anew at the next look. */
export async function builtPage(): Promise<string> {
  if (existsSync(path.join(PREBUILT, HTML))) return PREBUILT;
  const hash = await sourceHash();
  const folder = path.join(KEPT, hash);
  if (!existsSync(folder)) {
    const build = underWay.get(hash) ?? buildInto(folder).finally(() => underWay.delete(hash));
    underWay.set(hash, build);
    await build;
    await forgetOthers(hash);
  }
  return folder;
}

async function buildInto(folder: string): Promise<void> {
  const unfinished = `${folder}.${process.pid}`;
  await bundlePage(PREBUILT, unfinished);
  // Whoever was quicker built the same.
  await rename(unfinished, folder).catch(() => rm(unfinished, { recursive: true, force: true }));
}

/** Bundles the page of the sources in `source` into `outDir`: hashed names, each also compressed, and the HTML that names
 *  them. @throws where the sources do not compile */
export async function bundlePage(source: string, outDir: string): Promise<void> {
  const { build, stop } = await import('esbuild');
  const { metafile } = await build({
    entryPoints: Object.values(ENTRIES).map((entry) => path.join(source, entry)),
    outdir: path.join(outDir, 'assets'),
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2023',
    minify: true,
    sourcemap: 'external',
    legalComments: 'none',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    loader: { '.svg': 'copy' },
    metafile: true,
    logLevel: 'error',
    absWorkingDir: source,
  });
  await stop();
  const outputs = Object.entries(metafile.outputs);
  const addressOf = (file: string) => `/assets/${path.basename(file)}`;
  const entry = (name: string) =>
    outputs.find(([, { inputs, entryPoint = Object.keys(inputs)[0] }]) => entryPoint === name)!;
  const [, page] = entry(ENTRIES.page);
  const preloads = page.imports
    .filter(({ kind }) => kind === 'import-statement')
    .map((chunk) => `<link rel="modulepreload" href="${addressOf(chunk.path)}">`);
  let html = await readFile(path.join(source, 'page.html'), 'utf8');
  for (const [name, file] of Object.entries(ENTRIES)) html = html.replace(`{{${name}}}`, addressOf(entry(file)[0]));
  await writeFile(
    path.join(outDir, HTML),
    html.replace('{{preloads}}\n', preloads.map((line) => `${line}\n`).join('')),
  );
  await compressAll(outDir);
}

async function compressAll(folder: string): Promise<void> {
  const files = await filesIn(folder);
  await Promise.all(
    files
      .filter((file) => !file.endsWith('.map'))
      .map(async (file) => {
        const bytes = await readFile(file);
        await writeFile(`${file}.br`, await promisify(brotliCompress)(bytes));
        await writeFile(`${file}.gz`, await promisify(gzip)(bytes, { level: 9 }));
      }),
  );
}

async function sourceHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [...(await filesIn(PREBUILT)), fileURLToPath(import.meta.url), LOCKFILE]) {
    hash.update(file).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 16);
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

async function forgetOthers(hash: string): Promise<void> {
  await mkdir(KEPT, { recursive: true });
  const others = (await readdir(KEPT)).filter((name) => /^[0-9a-f]{16}$/.test(name) && name !== hash);
  await Promise.all(others.map((name) => rm(path.join(KEPT, name), { recursive: true, force: true })));
}
