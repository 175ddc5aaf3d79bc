import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { usageError } from './failure.ts';

export interface OutputPlace {
  /** a folder is named, for files in it */
  isFolder?: boolean;
  /** folders that are not there are made */
  makesFolders?: boolean;
}

/** Looks whether something can be written where it is to go, before what it holds is paid for.
 *  @param named what names the place, for example a flag @throws CliFailure saying what is in the way */
export function checkOutput(
  named: string,
  place: string,
  { isFolder = false, makesFolders = false }: OutputPlace = {},
) {
  const refused = (reason: string) => usageError(`${named}: ${place} cannot be written: ${reason}.`);
  try {
    if (existsSync(place)) {
      if (statSync(place).isDirectory() !== isFolder) throw refused(isFolder ? 'it is no folder' : 'it is a folder');
      return accessSync(place, constants.W_OK);
    }
    let folder = path.dirname(path.resolve(place));
    while (makesFolders && !existsSync(folder)) folder = path.dirname(folder);
    if (!existsSync(folder)) throw refused(`there is no folder ${folder}`);
    if (!statSync(folder).isDirectory()) throw refused(`${folder} is no folder`);
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw isSystemError(error) ? refused(error.code) : error;
  }
}

/** One of the file system, as it is when a disk is full. */
export function isSystemError(thrown: unknown): thrown is NodeJS.ErrnoException & { code: string } {
  return thrown instanceof Error && 'syscall' in thrown && 'code' in thrown;
}
