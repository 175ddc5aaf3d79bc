import path from 'node:path';
import threads from 'node:worker_threads';
import { compiledModules } from '../tools/aside/compiled-modules.ts';

const QUICK_THREAD = new URL(`quick-thread${path.extname(import.meta.filename)}`, import.meta.url);
const WORKFLOW_THREAD = /workflow-worker-thread(\.js)?$/;

/** What a workflow thread is told. */
export interface QuickThread {
  /** Temporal's own code for it */
  main: string;
}

/**
 * Makes a worker whose workflow threads leave out what Temporal's sandbox does around each call into workflow code and our
 * patterns do not need: a good quarter of a worker's processor time (docs/architecture.md, section 5). Not for code of others:
 * an endless loop in it is not broken off.
 */
export async function withQuickThreads<Made>(make: () => Promise<Made>): Promise<Made> {
  const { Worker } = threads;
  threads.Worker = class extends Worker {
    constructor(...[file, options]: ConstructorParameters<typeof Worker>) {
      const isOfWorkflows = typeof file === 'string' && WORKFLOW_THREAD.test(file);
      const env = { ...process.env, ...compiledModules() };
      // Flags are inherited only where none are given: V8's are refused otherwise.
      if (isOfWorkflows) super(QUICK_THREAD, { ...options, env, workerData: { main: file } });
      else super(file, options);
    }
  };
  try {
    return await make();
  } finally {
    threads.Worker = Worker;
  }
}
