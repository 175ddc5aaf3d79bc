import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HOME } from './places.mjs';

/** A folder that exists while a setup is at work. The one file in it is named after its processes, by their ids: who
 *  takes over a lock renames that file, which succeeds for exactly one, and the lock is never away meanwhile. */
const LOCK = path.join(HOME, 'setup.lock');

/** Runs one setup at a time: others wait, and a lock whose processes have died is taken over.
 *  @param stop ends the commands the work has started */
export async function locked(whileWaiting, work, stop) {
  const claim = `${LOCK}.${process.pid}`;
  fs.rmSync(claim, { recursive: true, force: true });
  fs.mkdirSync(claim, { recursive: true });
  fs.writeFileSync(path.join(claim, String(process.pid)), '');
  let said = false;
  // A folder that is not empty cannot be renamed over: the claim succeeds for exactly one of us.
  while (!renamed(claim, LOCK, TAKEN)) {
    const owners = ownersOf(LOCK);
    if (owners === undefined) continue;
    // Our own id was somebody else's where a container begins again.
    const alive = owners
      .split('+')
      .map(Number)
      .find((pid) => pid !== process.pid && isAlive(pid));
    if (alive === undefined) {
      if (!renamed(path.join(LOCK, owners), path.join(LOCK, String(process.pid)), GONE)) continue;
      fs.rmSync(claim, { recursive: true, force: true });
      break;
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
    // Emptied where it lies, it would be somebody else's before it is removed.
    const freed = `${claim}.freed`;
    fs.renameSync(LOCK, freed);
    fs.rmSync(freed, { recursive: true, force: true });
  }
}

/** Our lock is held as long as one of these lives, too. */
export function holdFor(pids) {
  fs.renameSync(path.join(LOCK, ownersOf(LOCK)), path.join(LOCK, [process.pid, ...pids].join('+')));
}

const TAKEN = ['ENOTEMPTY', 'EEXIST', 'EPERM'];
const GONE = ['ENOENT'];

/** @returns false where it cannot be, for one of these reasons */
function renamed(from, to, reasons) {
  try {
    fs.renameSync(from, to);
    return true;
  } catch (error) {
    if (reasons.includes(error.code)) return false;
    throw error;
  }
}

/** @returns nothing where the lock has just become free */
function ownersOf(lock) {
  try {
    return fs.readdirSync(lock)[0];
  } catch {
    return undefined;
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
