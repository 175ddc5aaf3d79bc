import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE_ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Path of the Temporal CLI: the one on PATH, or the one `npm run setup` put under the home. @returns undefined if there is none */
export function findTemporalCli(home: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return onPath('temporal', env) ?? firstExecutable(toolPaths(home, 'temporal'));
}

/** Path of the time-skipping test server, looked for in the same places. */
export function findTestServer(home: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return onPath('temporal-test-server', env) ?? firstExecutable(toolPaths(home, 'temporal-test-server'));
}

function toolPaths(home: string, name: string): string[] {
  return [home, path.join(PACKAGE_ROOT, '.cadenza')].map((base) => path.join(base, 'tools', 'bin', name));
}

function onPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env.PATH ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  return firstExecutable(folders.map((folder) => path.join(folder, name)));
}

function firstExecutable(files: string[]): string | undefined {
  return files.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
