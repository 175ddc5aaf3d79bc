/**
 * Changes package.json for as long as it is packed: `node scripts/manifest.mjs packed`, and back again: `... clone`.
 * What a clone needs and a package does not is taken out: npm would install all of it in every project. A clone's
 * package.json in turn names no command: npx would install the project into its cache first, which reads all packages twice.
 * Its entries are the sources, which a package does not hold.
 */
import fs from 'node:fs';
import { inRoot } from './setup/places.mjs';

const MANIFEST = inRoot('package.json');
const KEPT = inRoot('.cadenza', 'package.clone.json');
/** The page and the workflows' bundle are built when packed; who installs a package has a Node of their own. */
const NEEDED_TO_BUILD = [...['esbuild', 'preact', '@preact/signals', 'micromark', 'micromark-extension-gfm'], 'node'];
/** `private` keeps a clone from being published by mistake: what is published is a tarball, by its name. */
const FIELDS_OF_A_CLONE = ['private', 'scripts', 'devDependencies', 'allowScripts'];

const [form] = process.argv.slice(2);
// A packing that was cut short has left its own: the clone's is the one that counts.
if (fs.existsSync(KEPT)) fs.renameSync(KEPT, MANIFEST);
if (form === 'packed') {
  const clone = fs.readFileSync(MANIFEST, 'utf8');
  const manifest = packed(JSON.parse(clone));
  fs.mkdirSync(inRoot('.cadenza'), { recursive: true });
  fs.writeFileSync(KEPT, clone);
  fs.writeFileSync(MANIFEST, `${JSON.stringify(manifest, null, 2)}\n`);
}

function packed({ exports, dependencies, ...clone }) {
  const fields = Object.entries(clone).filter(([name]) => !FIELDS_OF_A_CLONE.includes(name));
  const installed = Object.entries(dependencies).filter(([name]) => !NEEDED_TO_BUILD.includes(name));
  return {
    ...Object.fromEntries(fields),
    exports: Object.fromEntries(Object.entries(exports).map(([name, file]) => [name, built(file)])),
    bin: { cadenza: 'bin/cadenza.mjs' },
    engines: { node: '>=24' },
    dependencies: Object.fromEntries(installed),
  };
}

function built(file) {
  const [, entry] = /^\.\/src\/(.*)\.ts$/.exec(file) ?? [];
  return entry ? { types: `./dist/${entry}.d.ts`, default: `./dist/${entry}.js` } : file;
}
