import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HOME } from './places.mjs';

/** A folder that exists while a setup is at work: it holds the ids of its processes. */
const LOCK = path.join(HOME, 'setup.lock');

/** Runs one setup at a time: others wait, and a lock whose processes have died is taken over.
 *  @param stop ends the commands the work has started */
export async function locked(whileWaiting, work, stop) {
  const claim = `${LOCK}.${process.pid}`;
  fs.rmSync(claim, { recursive: true, force: true });
  fs.mkdirSync(claim, { recursive: true });
  fs.writeFileSync(path.join(claim, 'pid'), String(process.pid));
  let said = false;
  // A folder that is not empty cannot be renamed over: the claim succeeds for exactly one of us.
  while (!renamed(claim, LOCK)) {
    const owners = ownersOf(LOCK);
    const alive = owners.find(isAlive);
    if (owners.length > 0 && alive === undefined) {
      breakLock(owners);
      continue;
    }
    if (!said) whileWaiting(alive);
    said = true;
    await delay(100);
  }
  // The lock stays: it is free when the last of the commands has ended.
  const interrupted = () => {
    stop();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await work();
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    fs.rmSync(LOCK, { recursive: true, force: true });
  }
}

/** Our lock is held as long as one of these lives, too. */
export function holdFor(pids) {
  const unfinished = path.join(LOCK, 'pid.new');
  fs.writeFileSync(unfinished, [process.pid, ...pids].join(' '));
  fs.renameSync(unfinished, path.join(LOCK, 'pid'));
}

function renamed(from, to) {
  try {
    fs.renameSync(from, to);
    return true;
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(error.code)) return false;
    throw error;
  }
}

/** Two may find the same dead owner: whoever comes second would move the first one's new lock away, so puts it back. */
function breakLock(owners) {
  const aside = `${LOCK}.dead.${process.pid}`;
  if (!renamedIfThere(LOCK, aside)) return;
  if (ownersOf(aside).join() !== owners.join() && renamed(aside, LOCK)) return;
  fs.rmSync(aside, { recursive: true, force: true });
}

function renamedIfThere(from, to) {
  try {
    fs.renameSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

function ownersOf(lock) {
  try {
    return fs.readFileSync(path.join(lock, 'pid'), 'utf8').split(' ').map(Number);
  } catch {
    return [];
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
  return !isZombie(pid);
}

/** One that has ended and that nobody has reaped, as under a container's process 1. */
function isZombie(pid) {
  try {
    return /^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
