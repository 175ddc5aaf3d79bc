import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { PRELOADED, workflowEntries, workflowModule } from '../../src/workers/workflow-bundle.ts';

const TEST_WORKFLOWS = path.join(import.meta.dirname, 'test-workflows.ts');

/** Workflows bundled as a worker with Cadenza's plugin does it, once for all tests of a run. @param workflows path of their module */
export async function testBundle(workflows = TEST_WORKFLOWS): Promise<{ codePath: string }> {
  const name = createHash('sha256').update(workflows).digest('hex').slice(0, 16);
  const codePath = path.join(process.env.CADENZA_TEST_HOME!, `${name}.cjs`);
  if (!existsSync(codePath)) {
    const unfinished = `${codePath}.${process.pid}`;
    await writeFile(unfinished, await bundled(workflows));
    await rename(unfinished, codePath);
  }
  return { codePath };
}

async function bundled(workflowsPath: string): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [workflowModule('interceptor')],
    preloadModules: PRELOADED,
    logger: new DefaultLogger('WARN'),
    webpackConfigHook: (config) => ({
      ...config,
      resolve: { ...config.resolve, alias: { ...config.resolve?.alias, ...workflowEntries() } },
    }),
  });
  return code;
}
