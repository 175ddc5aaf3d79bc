/** Runs one program in a thread of its own, and there in the sandbox; what it asks of outside is asked of the worker. */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { QuickJSHandle } from 'quickjs-emscripten';
import { giveWay } from '../aside/answer-jobs.ts';
import { openSandbox, SandboxError } from '../sandbox/sandbox.ts';
import type { Asking, Ending, Program, Told } from './run-program.ts';

/** JS_EVAL_FLAG_ASYNC of quickjs.h: a script that may await at its top; its value is a promise of `{ value }`. */
const ASYNC = 1 << 7;
const LONGEST_ARGUMENTS = 5_000_000;
/** All that a program may hand over, characters and bytes. */
const MOST_HANDED_OVER = 50_000_000;
const MOST_ASKINGS = 1_000;
const ASKINGS_AT_ONCE = 10;
const LONGEST_RESULT = 1_000_000;

const { source, limits, longestOutput } = workerData as Program;
giveWay();
const sandbox = await openSandbox(limits);
const { context } = sandbox;
const open = new Set<number>();
const queue: Asking[] = [];
let asked = 0;
let handedOver = 0;
let output = '';
let finished: QuickJSHandle;

const send = context.newFunction('send', (idHandle, operationHandle, json, bytesHandle) => {
  const id = context.getNumber(idHandle);
  const operation = sandbox.textOf(operationHandle, 100)!;
  const args = sandbox.textOf(json, LONGEST_ARGUMENTS)!;
  const bytes = bytesHandle && context.typeof(bytesHandle) === 'object' ? bytesOf(bytesHandle) : undefined;
  handedOver += args.length + (bytes?.byteLength ?? 0);
  if (++asked > MOST_ASKINGS) throw new Error(`A program may use files and tools ${MOST_ASKINGS} times`);
  if (handedOver > MOST_HANDED_OVER) throw new Error(`A program may hand over ${MOST_HANDED_OVER} bytes in all`);
  queue.push({ id, operation, args, bytes });
});

const print = context.newFunction('print', (text) => {
  const line = sandbox.textOf(text, Number.POSITIVE_INFINITY)!;
  if (output.length < longestOutput) output += `${line}\n`;
  if (output.length >= longestOutput)
    output = `${output.slice(0, longestOutput)}…\n[more than ${longestOutput} characters]`;
});

let receive: QuickJSHandle;
end(() => {
  const made = sandbox.run(readFileSync(new URL('guest.js', import.meta.url), 'utf8'), 'guest.js');
  const guest = sandbox.call(made, send, print);
  receive = context.getProp(guest, 'receive');
  const finish = context.getProp(guest, 'finish');
  finished = started(finish);
});

parentPort!.on('message', ({ id, error, json, bytes }: Told) =>
  end(() => {
    const given = [
      context.newNumber(id),
      error === undefined ? context.undefined : context.newString(error),
      json === undefined ? context.undefined : context.newString(json),
      bytes === undefined ? context.undefined : context.newArrayBuffer(new Uint8Array(bytes).buffer),
    ];
    open.delete(id);
    sandbox.call(receive, ...given).dispose();
    for (const handle of given) handle.dispose();
  }),
);

/** Scripts end with the value of their last expression; those that return are taken for the body of a function. */
function started(finish: QuickJSHandle): QuickJSHandle {
  try {
    return sandbox.call(finish, sandbox.run(source, 'program.js', ASYNC), context.false);
  } catch (thrown) {
    if (!(thrown as Error).message.startsWith('SyntaxError: return not in a function')) throw thrown;
    return sandbox.call(finish, sandbox.run(`(async () => {${source}\n})()`, 'program.js'), context.true);
  }
}

/** Does a part of the program, and says what it asks, or how it ended. */
function end(part: () => void): void {
  try {
    part();
    sandbox.runJobs();
    while (queue.length > 0 && open.size < ASKINGS_AT_ONCE) {
      const asking = queue.shift()!;
      open.add(asking.id);
      parentPort!.postMessage({ asking });
    }
    // What it did not wait for is waited for: a file that is written, a tool that is called.
    if (open.size > 0) return;
    const state = context.getPromiseState(finished);
    if (state.type === 'pending') throw new SandboxError('The program waits for something that never comes');
    if (state.type === 'rejected') throw new SandboxError('The program broke what it runs in');
    const text = sandbox.textOf(state.value, LONGEST_RESULT) ?? '{}';
    const { result, error } = JSON.parse(text) as { result?: string; error?: string };
    ended(error === undefined ? { result } : { error: { type: 'ToolFailed', message: sandbox.explained(error) } });
  } catch (thrown) {
    const { type = 'ToolFailed', message } = thrown as SandboxError;
    ended({ error: { type, message } });
  }
}

function ended(ending: Pick<Ending, 'result' | 'error'>): void {
  parentPort!.postMessage({ ending: { ...ending, output } satisfies Ending });
  parentPort!.close();
}

function bytesOf(handle: QuickJSHandle): Uint8Array {
  return context.getArrayBuffer(handle).consume(({ value }) => {
    if (value.byteLength > LONGEST_ARGUMENTS) throw new Error(`A program writes ${LONGEST_ARGUMENTS} bytes at a time`);
    return Uint8Array.from(value);
  });
}
