import { newQuickJSWASMModule, type QuickJSContext, type QuickJSHandle, RELEASE_SYNC } from 'quickjs-emscripten';

/** Jobs of promises that run before the clock is looked at. */
const JOBS_AT_ONCE = 100;
/** Of what is thrown, more is not read. */
const LONGEST_MESSAGE = 4_000;

/** What a script ends with that cannot go on, or throws. */
export class SandboxError extends Error {
  readonly type: 'Timeout' | 'ToolFailed';
  /** what it threw is left in memory, or its work half done: nothing more is run in it */
  readonly isBroken: boolean;

  constructor(message: string, { type = 'ToolFailed' as SandboxError['type'], isBroken = false } = {}) {
    super(message);
    this.type = type;
    this.isBroken = isBroken;
  }
}

export interface SandboxLimits {
  /** what is done, as errors name it: `The program` */
  task: string;
  memoryMb: number;
  /** processor time, in all */
  computeMs: number;
}

/** A JavaScript engine in WebAssembly, with nothing of this one. All may throw SandboxError. */
export interface Sandbox {
  context: QuickJSContext;
  /** @param flags JS_EVAL_* of quickjs.h */
  run(source: string, file: string, flags?: number): QuickJSHandle;
  call(callee: QuickJSHandle, ...args: QuickJSHandle[]): QuickJSHandle;
  /** Runs what promises have to do, until they wait for something. */
  runJobs(): void;
  /** the text of a string, undefined for anything else */
  textOf(value: QuickJSHandle, longest: number): string | undefined;
  /** what an error means that a program caught itself */
  explained(message: string): string;
  /** The clock begins anew. @param computeMs as in SandboxLimits */
  renew(computeMs: number): void;
}

/**
 * Opens one on QuickJS (https://github.com/justjake/quickjs-emscripten). Its memory is a WebAssembly memory with a limit, so
 * that what is too large fails inside; its interpreter looks at our clock, in loops as between the jobs of promises. What
 * it does in one native step (a regular expression) is ended with its thread: see code/run-program.ts.
 */
export async function openSandbox(limits: SandboxLimits): Promise<Sandbox> {
  const { task, memoryMb } = limits;
  let { computeMs } = limits;
  const engine = await newQuickJSWASMModule(RELEASE_SYNC);
  const runtime = engine.newRuntime();
  runtime.setMemoryLimit(memoryMb * 1_048_576);
  const context = runtime.newContext();
  let startedMs = processorMs();
  const isOver = () => processorMs() - startedMs > computeMs;
  runtime.setInterruptHandler(isOver);

  const TOO_LARGE = `${task} took more than the ${memoryMb} MB of memory it may have`;

  function outOfTime(): SandboxError {
    const message = `${task} was not done after ${computeMs / 1_000} s of computing`;
    return new SandboxError(message, { type: 'Timeout', isBroken: true });
  }

  function entered<Value>(work: () => Value): Value {
    try {
      const value = work();
      if (isOver()) throw outOfTime();
      return value;
    } catch (thrown) {
      if (thrown instanceof SandboxError) throw thrown;
      // The engine itself ended: its stack, which is ours, was too deep, or its memory was.
      throw new SandboxError(`${task} went too deep: ${(thrown as Error).message}`, { isBroken: true });
    }
  }

  function failed(error: QuickJSHandle): SandboxError {
    if (isOver()) return outOfTime();
    const [name, message] = [shortText(error, 'name'), shortText(error, 'message')];
    if (context.eq(error, context.null) || message === 'out of memory') {
      return new SandboxError(TOO_LARGE, { isBroken: true });
    }
    if (message === undefined) return new SandboxError(`${task} threw ${context.typeof(error)}`);
    const line = /\bprogram\.js:(\d+)/.exec(shortText(error, 'stack') ?? '')?.[1];
    const place = line === undefined ? '' : ` (line ${line})`;
    return new SandboxError(`${name === undefined || name === 'Error' ? '' : `${name}: `}${message}${place}`);
  }

  function shortText(of: QuickJSHandle, key: string): string | undefined {
    try {
      return context.getProp(of, key).consume((value) => sandbox.textOf(value, LONGEST_MESSAGE));
    } catch {
      return undefined;
    }
  }

  const sandbox: Sandbox = {
    context,
    run: (source, file, flags = 0) =>
      entered(() => {
        const result = context.evalCode(source, file, flags);
        if (result.error) throw result.error.consume(failed);
        return result.value;
      }),
    call: (callee, ...args) =>
      entered(() => {
        const result = context.callFunction(callee, context.undefined, ...args);
        if (result.error) throw result.error.consume(failed);
        return result.value;
      }),
    runJobs: () =>
      entered(() => {
        while (runtime.hasPendingJob()) {
          const { error } = runtime.executePendingJobs(JOBS_AT_ONCE);
          error?.dispose();
          if (isOver()) throw outOfTime();
        }
      }),
    textOf(value, longest) {
      if (context.typeof(value) !== 'string') return undefined;
      const length = context.getProp(value, 'length').consume((handle) => context.getNumber(handle));
      if (length > longest) throw new SandboxError(`A text of ${length} characters is too long: at most ${longest}`);
      return context.getString(value);
    },
    explained: (message) => (message.startsWith('InternalError: out of memory') ? TOO_LARGE : message),
    renew(ms) {
      computeMs = ms;
      startedMs = processorMs();
    },
  };
  return sandbox;
}

/** Of this thread, so that neighbours who are busy take nothing of it. */
function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
