/**
 * Makes a fresh clone ready for `npm start` and, with --test, for `npm test`. Does nothing when all is there.
 * With --temporal it gets Temporal's programs alone: also for who has installed the package.
 * Plain JavaScript without packages, for Node 18 and up: it runs before Node 24 and the packages are installed.
 */
import { locked } from './setup/lock.mjs';
import { packages } from './setup/packages.mjs';
import { SetupError, stopCommands } from './setup/run.mjs';
import { temporal } from './setup/temporal.mjs';

const forTests = process.argv.includes('--test');
const parts = process.argv.includes('--temporal') ? [temporal(true)] : [packages(forTests), temporal(forTests)];
const say = (line) => process.stderr.write(`setup: ${line}\n`);

if (!parts.every((part) => part.isDone())) {
  const whileWaiting = (owner) => say(`another setup is at work (process ${owner}); waiting for it`);
  await locked(whileWaiting, installAll, stopCommands).catch(fail);
}

/** One that fails does not leave the other installing unseen. */
async function installAll() {
  const ended = await Promise.allSettled(parts.map(install));
  for (const { reason } of ended) if (reason) throw reason;
}

async function install(part) {
  // Another setup may have done it while we waited for the lock.
  if (part.isDone()) return;
  const begun = Date.now();
  say(`${part.title} ...`);
  const note = await part.run();
  say(`${part.title}${note ? `: ${note}` : ` done after ${((Date.now() - begun) / 1000).toFixed(1)} s`}`);
}

function fail(error) {
  if (!(error instanceof SetupError) && error?.code === undefined) throw error;
  say(error.message);
  process.exitCode = 1;
}
