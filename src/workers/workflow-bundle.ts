import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const ROOMS = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const EXTENSION = path.extname(fileURLToPath(import.meta.url));

/** A module of the workflows room, as this process runs it: source or build. */
export function workflowModule(name: string): string {
  return path.join(ROOMS, 'workflows', `${name}${EXTENSION}`);
}

/** What users' workflows import of ours, by the names they do: as one copy, which is this process's. */
export function workflowEntries(): Record<string, string> {
  return {
    'cadenza/workflow$': workflowModule('index'),
    'cadenza/ai-sdk/workflow$': path.join(ROOMS, 'ai-sdk', 'workflow', `index${EXTENSION}`),
  };
}

/** Evaluated once a worker instead of once a workflow (2.8 ms each): what is kept of a run there is kept by `perRun`
 *  (workflows/host.ts). */
export const PRELOADED = [
  'zod',
  path.join(ROOMS, 'contract', `index${EXTENSION}`),
  workflowModule('index'),
  workflowModule('interceptor'),
];

/** The bundle that ships with the build; made by `npm run build`. */
export const PREBUILT = path.join(ROOMS, 'workflow-bundle.cjs');

/** The code of all patterns: the prebuilt bundle, else one made now and kept by its content hash in `cacheDir`.
 *  @param sealed the words of its failures are payloads, to be encrypted */
export async function workflowBundle(cacheDir: string, sealed = false): Promise<{ codePath: string }> {
  if (!sealed && existsSync(PREBUILT)) return { codePath: PREBUILT };
  const file = path.join(cacheDir, `${sealed ? 'sealed-' : ''}workflows-${await sourceHash()}.cjs`);
  if (!existsSync(file)) {
    await mkdir(cacheDir, { recursive: true });
    const unfinished = `${file}.${process.pid}`;
    await writeFile(unfinished, await bundlePatterns(sealed));
    await rename(unfinished, file);
  }
  return { codePath: file };
}

/** @returns JavaScript, as Temporal's sandbox runs it */
export async function bundlePatterns(sealed = false): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: workflowModule('patterns'),
    workflowInterceptorModules: [workflowModule('interceptor')],
    preloadModules: [...PRELOADED, workflowModule('patterns')],
    ...(sealed && { failureConverterPath: workflowModule('sealed-failures') }),
    logger: new DefaultLogger('WARN'),
    // Places in the sources are enough: with their text, which nobody asks for, each start reads a third more.
    webpackConfigHook: (config) => ({ ...config, devtool: 'inline-nosources-source-map' }),
  });
  return code;
}

async function sourceHash(): Promise<string> {
  const hash = createHash('sha256').update(PRELOADED.join());
  for (const room of ['contract', 'workflows']) {
    const files = await readdir(path.join(ROOMS, room), { recursive: true });
    for (const file of files.filter((name) => name.endsWith(EXTENSION)).sort()) {
      hash.update(file).update(await readFile(path.join(ROOMS, room, file)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
