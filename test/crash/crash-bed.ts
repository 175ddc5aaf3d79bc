import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { type Cadenza, connect } from '../../src/client/index.ts';
import { parseConfig } from '../../src/config/index.ts';
import type { Store } from '../../src/store/index.ts';
import { PRELOADED, workflowModule } from '../../src/workers/workflow-bundle.ts';
import type { MockProvider } from '../setup/mock-provider.ts';
import { testLog } from '../setup/test-log.ts';
import { freshStore } from '../store/fresh-store.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** A worker in a process of its own, which may be killed; client, store and task queue outlive it. */
export interface CrashBed {
  cadenza: Cadenza;
  store: Store;
  /** Starts the worker, and waits until it takes work. */
  start(): Promise<void>;
  /** Kills it as the kernel does: it does not get to say anything. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export interface CrashBedOptions {
  provider: MockProvider;
  /** an example whose workflows are run, and the one that is started; else `cadenza worker` */
  example?: { folder: string; workflow: string };
  /** else the Temporal server of all tests */
  temporalAddress?: string;
}

export async function crashBed({ provider, example, temporalAddress }: CrashBedOptions): Promise<CrashBed> {
  const { store, url: databaseUrl, drop } = await freshStore();
  const taskQueue = `crash-${randomUUID()}`;
  const address = temporalAddress ?? process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  const env = {
    ...process.env,
    ...provider.env,
    CADENZA_DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: address,
    ...(example ? { TASK_QUEUE: taskQueue } : { CADENZA_TASK_QUEUE: taskQueue }),
    NODE_OPTIONS: '',
  };
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cadenza-crash-'));
  const bundle = path.join(folder, 'workflows.cjs');
  if (example) writeFileSync(bundle, await bundled(`examples/${example.folder}/workflows.ts`));
  const config = parseConfig(example ? { workflows: { [example.workflow]: { taskQueue } } } : {});
  const cadenza = await connect({ temporalAddress: address, databaseUrl, env, config, log: testLog().log });
  let worker: ChildProcess | undefined;

  async function kill() {
    if (worker?.exitCode !== null || worker.signalCode !== null) return;
    const exited = once(worker, 'exit');
    worker.kill('SIGKILL');
    await exited;
  }

  return {
    cadenza,
    store,
    async start() {
      worker = await startProcess(example ? ['test/crash/example-worker.ts'] : ['src/cli/main.ts', 'worker'], {
        ...env,
        WORKFLOW_BUNDLE: bundle,
      });
    },
    kill,
    async close() {
      await kill();
      await cadenza.close();
      await provider.stop();
      await drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Workflows of a user's as a worker with Cadenza's plugin bundles them. */
async function bundled(workflows: string): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: path.join(ROOT, workflows),
    workflowInterceptorModules: [workflowModule('interceptor')],
    preloadModules: PRELOADED,
    logger: new DefaultLogger('WARN'),
    webpackConfigHook: (config) => ({
      ...config,
      resolve: { ...config.resolve, alias: { ...config.resolve?.alias, 'cadenza/workflow$': workflowModule('index') } },
    }),
  });
  return code;
}

async function startProcess(args: string[], env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const worker = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  worker.stderr!.on('data', (data: Buffer) => said.push(data.toString()));
  await Promise.race([
    once(worker.stdout!, 'data'),
    once(worker, 'exit').then(() => Promise.reject(new Error(`The worker ended: ${said.join('')}`))),
  ]);
  worker.stdout!.resume();
  return worker;
}
