import { fork } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { compiledModules } from './compiled-modules.ts';

/** The sandbox's interpreter calls itself, and so do parsers of what is nested deeply. */
const STACK_MB = 16;

/** Something that works beside this thread. */
export interface Aside {
  send(message: unknown): void;
  /** instead of who listened before. `memory`: it took more than it may have */
  listen(listener: { onMessage?(message: unknown): void; onEnd(reason: 'memory' | Error): void }): void;
  /** lets this process end while it is idle; `send` takes that back */
  unref(): void;
  end(): Promise<void>;
}

type Listener = Parameters<Aside['listen']>[0];

/** A thread that has nothing of this process: none of its environment, no flags, and no more heap than it may have.
 *  @param file without its ending, which is that of the sources or of the build */
export function openThread(file: URL, memoryMb: number, workerData: unknown): Aside {
  const resourceLimits = { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 16, stackSizeMb: STACK_MB };
  const thread = new Worker(withEnding(file), { workerData, env: compiledModules(), execArgv: [], resourceLimits });
  let listener: Listener | undefined;
  thread.on('message', (message) => listener?.onMessage?.(message));
  thread.on('error', (error: Error & { code?: string }) =>
    listener?.onEnd(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : error),
  );
  thread.on('exit', () => listener?.onEnd(new Error('its thread ended')));
  return {
    send(message) {
      thread.ref();
      thread.postMessage(message);
    },
    listen(next) {
      listener = next;
    },
    unref: () => thread.unref(),
    async end() {
      await thread.terminate();
    },
  };
}

/** The same as a process, whose end is its own: V8 aborts a process whose thread asks for one piece too much. */
export function openProcess(file: URL, memoryMb: number): Aside {
  const child = fork(fileURLToPath(withEnding(file)), {
    env: compiledModules(),
    execArgv: [`--max-old-space-size=${memoryMb}`],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  let listener: Listener | undefined;
  child.on('message', (message) => listener?.onMessage?.(message));
  child.on('error', (error) => listener?.onEnd(error));
  child.on('exit', (_, signal) => listener?.onEnd(signal === 'SIGABRT' ? 'memory' : new Error('its process ended')));
  return {
    send(message) {
      child.ref();
      child.channel?.ref();
      child.send(message as object, () => {});
    },
    listen(next) {
      listener = next;
    },
    unref() {
      child.unref();
      child.channel?.unref();
    },
    async end() {
      child.ref();
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function withEnding(file: URL): URL {
  return new URL(`${file.href}${path.extname(import.meta.filename)}`);
}
