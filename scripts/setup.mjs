/**
 * Makes a fresh clone ready for `npm start` and, with --test, for `npm test`. Does nothing when all is there.
 * Plain JavaScript without packages, for Node 18 and up: it runs before Node 24 and the packages are installed.
 */
import path from 'node:path';
import { build } from './setup/build.mjs';
import { locked } from './setup/lock.mjs';
import { packages } from './setup/packages.mjs';
import { HOME } from './setup/places.mjs';
import { SetupError } from './setup/run.mjs';
import { temporal, testServer } from './setup/tools.mjs';

const stages = process.argv.includes('--test') ? [packages, build, temporal, testServer] : [packages, build, temporal];
const say = (line) => process.stderr.write(`setup: ${line}\n`);

if (!stages.every((stage) => stage.isDone())) {
  await locked(
    path.join(HOME, 'setup.lock'),
    (owner) => say(`another setup is at work (process ${owner}); waiting for it`),
    runStages,
  ).catch(fail);
}

async function runStages() {
  for (const stage of stages) {
    // Another setup may have done it while we waited for the lock.
    if (stage.isDone()) continue;
    const begun = Date.now();
    say(`${stage.title} ...`);
    const note = await stage.run();
    say(`${stage.title}${note ? `: ${note}` : ` done after ${((Date.now() - begun) / 1000).toFixed(1)} s`}`);
  }
}

function fail(error) {
  if (!(error instanceof SetupError) && error?.code === undefined) throw error;
  say(error.message);
  process.exitCode = 1;
}
