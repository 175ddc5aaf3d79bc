import fs from 'node:fs';
import path from 'node:path';
import { inRoot, ROOT } from './places.mjs';
import { run, SetupError } from './run.mjs';

const STAMP = inRoot('dist', '.built');
const SOURCES = ['src', 'tsconfig.json', 'tsconfig.build.json', 'package.json', 'scripts/build.mjs'];

/** `dist/`, made of `src/`. */
export const build = {
  title: 'build',
  isDone() {
    const stamp = fs.statSync(STAMP, { throwIfNoEntry: false });
    return stamp !== undefined && SOURCES.every((source) => newest(inRoot(source)) <= stamp.mtimeMs);
  },
  async run() {
    const begun = new Date();
    await run(inRoot('node_modules', 'node', 'bin', 'node'), [inRoot('scripts', 'build.mjs')], { cwd: ROOT }).catch(
      (error) => {
        throw new SetupError(`The sources do not build.\n${error.message}\nSee all of it with: npm run build`);
      },
    );
    // Sources that were saved while the build ran are newer than it.
    fs.writeFileSync(STAMP, '');
    fs.utimesSync(STAMP, begun, begun);
  },
};

/** When anything in this folder changed last, in ms; a file taken away changes its folder. */
function newest(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return fs.readdirSync(file).reduce((latest, name) => Math.max(latest, newest(path.join(file, name))), stat.mtimeMs);
}
