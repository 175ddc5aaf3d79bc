import path from 'node:path';
import threads from 'node:worker_threads';

const PRELOAD = new URL(`quick-thread-preload${path.extname(import.meta.filename)}`, import.meta.url).href;
const WORKFLOW_THREAD = /workflow-worker-thread(\.js)?$/;

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
      const execArgv = [...(options?.execArgv ?? process.execArgv), '--import', PRELOAD];
      super(file, isOfWorkflows ? { ...options, execArgv } : options);
    }
  };
  try {
    return await make();
  } finally {
    threads.Worker = Worker;
  }
}
