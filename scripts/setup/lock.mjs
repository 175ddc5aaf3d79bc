import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Runs one setup at a time: others wait, and a lock whose owner died is taken over.
 *  @param lock a folder that exists while it is held */
export async function locked(lock, whileWaiting, work) {
  const claim = `${lock}.${process.pid}`;
  fs.rmSync(claim, { recursive: true, force: true });
  fs.mkdirSync(claim, { recursive: true });
  fs.writeFileSync(path.join(claim, 'pid'), String(process.pid));
  let said = false;
  // A folder that is not empty cannot be renamed over: the claim succeeds for exactly one of us.
  while (!renamed(claim, lock)) {
    const owner = ownerOf(lock);
    if (owner !== undefined && !isAlive(owner)) {
      breakLock(lock, owner);
      continue;
    }
    if (!said) whileWaiting(owner);
    said = true;
    await delay(100);
  }
  const release = () => fs.rmSync(lock, { recursive: true, force: true });
  const interrupted = () => {
    release();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await work();
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    release();
  }
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
function breakLock(lock, owner) {
  const aside = `${lock}.dead.${process.pid}`;
  if (!renamedIfThere(lock, aside)) return;
  if (ownerOf(aside) !== owner && renamed(aside, lock)) return;
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

function ownerOf(lock) {
  try {
    return Number(fs.readFileSync(path.join(lock, 'pid'), 'utf8'));
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
