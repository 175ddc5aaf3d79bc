import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { flushCompileCache } from 'node:module';
import path from 'node:path';
import { type Cadenza, connect } from '../../src/client/index.ts';
import { loadConfig, parseConfig } from '../../src/config/index.ts';
import type { Store } from '../../src/store/index.ts';
import type { MockProvider } from '../setup/mock-provider.ts';
import { testBundle } from '../setup/test-bundle.ts';
import { testLog } from '../setup/test-log.ts';
import { freshStore } from '../store/fresh-store.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** A worker in a process of its own, which may be killed; client, store and task queue outlive it. */
export interface CrashBed {
  cadenza: Cadenza;
  store: Store;
  /** what its worker sees, and other commands may */
  env: NodeJS.ProcessEnv;
  /** Starts the worker, and waits until it takes work. */
  start(): Promise<void>;
  /** Kills it as the kernel does: it does not get to say anything. */
  kill(): Promise<Kill>;
  close(): Promise<void>;
}

/** What a killed process has sent is read so much later at most; no other begins sooner, ms. */
const LAST_ARRIVE_MS = 500;

/** When a worker was killed, ms since 1970: until `to` its last requests may still come to the provider. */
export interface Kill {
  from: number;
  to: number;
}

/** How many of the kills may have hit a call that was first asked, and ended, at these times, ms since 1970. */
export function killsDuring(kills: Kill[], askedAt: number, endedAt: number): number {
  return kills.filter(({ from, to }) => askedAt <= to && from <= endedAt).length;
}

export interface CrashBedOptions {
  provider: Pick<MockProvider, 'env' | 'stop'>;
  /** it has keys of all three, else of OpenAI alone: a worker loads the SDK of each */
  allKeys?: boolean;
  /** a user's workflow that is started, among those of test-workflows.ts; else the worker is `cadenza worker` */
  workflow?: string;
  /** else its module: workflows that others need not bundle */
  workflows?: string;
  /** where the worker's cadenza.config.ts lies, and what of the environment it reads */
  folder?: string;
  env?: Record<string, string>;
  /** else the Temporal server of all tests */
  temporalAddress?: string;
}

export async function crashBed({
  provider,
  allKeys = false,
  workflow,
  workflows,
  temporalAddress,
  folder = '.',
  env: own,
}: CrashBedOptions): Promise<CrashBed> {
  const { store, url: databaseUrl, drop } = await freshStore();
  const taskQueue = `crash-${randomUUID()}`;
  const address = temporalAddress ?? process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  const env = {
    ...process.env,
    ...provider.env,
    ...(!allKeys && { ANTHROPIC_API_KEY: undefined, GEMINI_API_KEY: undefined }),
    ...own,
    CADENZA_HOME: path.join(ROOT, '.cadenza'),
    CADENZA_DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: address,
    ...(workflow ? { TASK_QUEUE: taskQueue } : { CADENZA_TASK_QUEUE: taskQueue }),
    NODE_OPTIONS: '',
  };
  const bundle = workflow ? await testBundle(workflows) : undefined;
  // The killed do not get to write what they compiled: they find what this process has of the same modules.
  flushCompileCache();
  const cwd = path.resolve(ROOT, folder);
  const config = workflow ? parseConfig({ workflows: { [workflow]: { taskQueue } } }) : await loadConfig({ cwd });
  const cadenza = await connect({ temporalAddress: address, databaseUrl, env, config, log: testLog().log });
  let worker: ChildProcess | undefined;

  async function kill(): Promise<Kill> {
    const from = Date.now();
    if (worker?.exitCode === null && worker.signalCode === null) {
      const exited = once(worker, 'exit');
      worker.kill('SIGKILL');
      await exited;
    }
    return { from, to: Date.now() + LAST_ARRIVE_MS };
  }

  return {
    cadenza,
    store,
    env,
    async start() {
      worker = await startProcess(
        workflow ? ['test/crash/users-worker.ts'] : [path.join(ROOT, 'bin/cadenza.mjs'), 'worker'],
        cwd,
        {
          ...env,
          WORKFLOW_BUNDLE: bundle?.codePath,
        },
      );
    },
    kill,
    async close() {
      await kill();
      await cadenza.close();
      await provider.stop();
      await drop();
    },
  };
}

async function startProcess(args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const worker = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  worker.stderr!.on('data', (data: Buffer) => said.push(data.toString()));
  await Promise.race([
    once(worker.stdout!, 'data'),
    once(worker, 'exit').then(() => Promise.reject(new Error(`The worker ended: ${said.join('')}`))),
  ]);
  worker.stdout!.resume();
  return worker;
}
