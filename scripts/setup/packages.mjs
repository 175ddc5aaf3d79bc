import fs from 'node:fs';
import { inRoot, isExecutable, OUTER_PATH, ROOT } from './places.mjs';
import { run, SetupError } from './run.mjs';

const LOCK = inRoot('package-lock.json');
const INSTALLED = inRoot('node_modules', '.package-lock.json');
const NODE = inRoot('node_modules', 'node', 'bin', 'node');
const COMMAND = inRoot('node_modules', '.bin', 'cadenza');

/** The packages of the lockfile, among them Node 24. @param forTests those for development too; once there, they stay */
export const packages = (forTests) => ({
  title: 'packages',
  isDone: () => isInstalled(forTests) && isExecutable(NODE) && fs.existsSync(COMMAND),
  async run() {
    if (!isInstalled(forTests) || !isExecutable(NODE)) {
      const development = forTests || hasDevelopment() ? '--include=dev' : '--omit=dev';
      // npm runs under the person's own Node: the one in node_modules is about to be replaced.
      await run('npm', ['ci', development, '--include=optional', '--loglevel=error'], {
        show: true,
        cwd: ROOT,
        env: { ...process.env, PATH: OUTER_PATH },
      });
    }
    await checkNode();
    linkCommand();
  },
});

/** Whether npm has come to its end, and with these versions. Packages for other platforms are not there. */
function isInstalled(forTests) {
  const present = packagesOf(INSTALLED);
  const wanted = packagesOf(LOCK);
  if (!present || !wanted) return false;
  return (
    Object.entries(wanted).every(
      ([place, { version, dev, optional }]) =>
        place === '' || present[place]?.version === version || (!present[place] && (optional || (dev && !forTests))),
    ) && Object.keys(present).every((place) => place in wanted)
  );
}

const hasDevelopment = () => Object.values(packagesOf(INSTALLED) ?? {}).some(({ dev }) => dev);

function packagesOf(lockfile) {
  try {
    return JSON.parse(fs.readFileSync(lockfile, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

async function checkNode() {
  const version = isExecutable(NODE) ? await run(NODE, ['--version']).catch((error) => error.message) : 'not installed';
  if (version.startsWith('v24.')) return;
  throw new SetupError(
    `Node 24 from the package "node" does not work here (${version.trim()}). ` +
      'Its install script may be switched off: try `npm config get ignore-scripts`, then `npm rebuild node`.',
  );
}

/**
 * What `npx cadenza` runs in the clone. npm would not link it, and package.json names it only while it is packed: npx
 * installs a project whose own package.json names the command into its cache first, which reads all packages twice.
 */
function linkCommand() {
  fs.rmSync(COMMAND, { force: true });
  fs.symlinkSync('../../bin/cadenza.mjs', COMMAND);
  fs.chmodSync(inRoot('bin', 'cadenza.mjs'), 0o755);
}
