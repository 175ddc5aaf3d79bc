import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's own folder. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const HOME = path.resolve(process.env.CADENZA_HOME || path.join(ROOT, '.cadenza'));
export const inRoot = (...parts) => path.join(ROOT, ...parts);

/** Programs on PATH as the person has it, without the ones npm put before them. */
export const OUTER_PATH = (process.env.PATH ?? '')
  .split(path.delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(path.delimiter);

export function isExecutable(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
