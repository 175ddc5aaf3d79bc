import fs from 'node:fs';
import { inRoot, OUTER_PATH, ROOT } from './places.mjs';
import { run, SetupError } from './run.mjs';

const LOCK = inRoot('package-lock.json');
const INSTALLED = inRoot('node_modules', '.package-lock.json');
const NODE = inRoot('node_modules', 'node', 'bin', 'node');
const COMMAND = inRoot('node_modules', '.bin', 'cadenza');

/** The packages of the lockfile, among them Node 24. */
export const packages = {
  title: 'packages',
  isDone: () => isInstalled() && isExecutable(NODE) && fs.existsSync(COMMAND),
  async run() {
    if (!isInstalled() || !isExecutable(NODE)) {
      // npm runs under the person's own Node: the one in node_modules is about to be replaced.
      await run('npm', ['ci', '--include=dev', '--include=optional', '--loglevel=error'], {
        show: true,
        cwd: ROOT,
        env: { ...process.env, PATH: OUTER_PATH },
      });
      fs.utimesSync(INSTALLED, new Date(), new Date());
    }
    await checkNode();
    linkCommand();
  },
};

function isInstalled() {
  const installed = fs.statSync(INSTALLED, { throwIfNoEntry: false });
  if (!installed) return false;
  return installed.mtimeMs >= fs.statSync(LOCK).mtimeMs || holdsTheSame();
}

/** A checkout touches the lockfile without changing it; that is no reason to install again. */
function holdsTheSame() {
  const wanted = JSON.parse(fs.readFileSync(LOCK, 'utf8')).packages;
  const present = JSON.parse(fs.readFileSync(INSTALLED, 'utf8')).packages;
  const isPresent = ([place, { version, optional }]) =>
    present[place]?.version === version || (optional && !present[place]);
  const same =
    Object.entries(wanted).every((entry) => entry[0] === '' || isPresent(entry)) &&
    Object.keys(present).every((place) => place in wanted);
  if (same) fs.utimesSync(INSTALLED, new Date(), new Date());
  return same;
}

async function checkNode() {
  const version = isExecutable(NODE) ? await run(NODE, ['--version']).catch((error) => error.message) : 'not installed';
  if (version.startsWith('v24.')) return;
  throw new SetupError(
    `Node 24 from the package "node" does not work here (${version.trim()}). ` +
      'Its install script may be switched off: try `npm config get ignore-scripts`, then `npm rebuild node`.',
  );
}

/** npm links the commands of dependencies only, and `npx cadenza` in the clone needs this one. */
function linkCommand() {
  fs.rmSync(COMMAND, { force: true });
  fs.symlinkSync('../../bin/cadenza.mjs', COMMAND);
  fs.chmodSync(inRoot('bin', 'cadenza.mjs'), 0o755);
}

function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
