/** A workflow thread: Temporal's, after what quick-threads.ts tells of. */
import { createRequire } from 'node:module';
import { Script } from 'node:vm';
import { workerData } from 'node:worker_threads';
import type { QuickThread } from './quick-threads.ts';

const { main } = workerData as QuickThread;

interface GlobalHandlers {
  setPromiseHook?(): void;
}

// Its `timeout` starts and ends a thread at each of the five to ten calls of a step: 0.2 ms of processor time each.
const { runInContext } = Script.prototype;
Script.prototype.runInContext = function (context, options) {
  return runInContext.call(this, context, { ...options, timeout: undefined });
};

// It takes and resolves a stack at each promise, for the stack traces of workflows that are waiting.
const sdk = createRequire(createRequire(import.meta.url).resolve('@temporalio/worker'));
const { globalHandlers } = sdk('./workflow/vm-shared.js') as { globalHandlers: GlobalHandlers };
globalHandlers.setPromiseHook = () => {};

sdk(main);
