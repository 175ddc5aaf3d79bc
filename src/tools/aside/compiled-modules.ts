import { getCompileCacheDir } from 'node:module';
import path from 'node:path';

/** What tells a thread or process of ours where Node keeps compiled modules, as this process does: without, its first module
 *  alone takes 50 ms more in a clone, where types are taken away first. */
export function compiledModules(): { NODE_COMPILE_CACHE?: string } {
  const folder = getCompileCacheDir();
  // It says where those of this version of Node are, and is given where those of all are.
  return folder ? { NODE_COMPILE_CACHE: path.dirname(folder) } : {};
}
