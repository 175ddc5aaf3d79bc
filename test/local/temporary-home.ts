import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A folder that PostgreSQL's own user may pass through, too. */
export function temporaryHome(mode = 0o711): string {
  const home = mkdtempSync(path.join(os.tmpdir(), 'cadenza-local-'));
  chmodSync(home, mode);
  return home;
}

export function removeHome(home: string): void {
  const data = path.join(home, 'postgres', 'data');
  if (existsSync(data)) rmSync(realpathSync(data), { recursive: true, force: true });
  rmSync(home, { recursive: true, force: true });
}
