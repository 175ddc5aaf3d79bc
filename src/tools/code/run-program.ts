import { z } from 'zod';
import type { CallError } from '../../contract/index.ts';
import { type Aside, openThread } from '../aside/open-aside.ts';
import { endedEarly, outOfTime } from '../aside/pool.ts';
import type { SandboxLimits } from '../sandbox/sandbox.ts';
import { type ToolContext, ToolFailure } from '../tool.ts';

/** The thread's own heap; programs have another. */
const THREAD_MEMORY_MB = 128;
/** A thread that says nothing for so much longer than its program may compute does not look at its clock. */
const GRACE = 3;
const START_MS = 20_000;

/** What a program's thread is given. */
export interface Program {
  source: string;
  limits: SandboxLimits;
  /** characters of its console that are kept */
  longestOutput: number;
}

/** What a program asks of outside. */
export interface Asking {
  id: number;
  operation: string;
  /** JSON */
  args: string;
  bytes?: Uint8Array;
}

/** What came of it. */
export interface Told {
  id: number;
  error?: string;
  json?: string;
  bytes?: Uint8Array;
}

export interface Ending {
  output: string;
  result?: string;
  error?: Pick<CallError, 'type' | 'message'>;
}

type Outside = Pick<ToolContext, 'files' | 'call' | 'signal'>;

/** Runs a program in a thread that is its own and ends with it. @throws ToolFailure where the thread had to be ended; the
 *  signal's reason; what files throw */
export async function runProgram(program: Program, outside: Outside): Promise<Ending> {
  const { signal } = outside;
  const thread = openThread(new URL('code-thread', import.meta.url), THREAD_MEMORY_MB, program);
  try {
    return await endingOf(thread, program, outside, signal);
  } finally {
    await thread.end();
  }
}

function endingOf(
  thread: Aside,
  { limits: { task, computeMs } }: Program,
  outside: Outside,
  signal: AbortSignal,
): Promise<Ending> {
  const asked = new Set<number>();
  let clock: NodeJS.Timeout | undefined;
  let isOver = false;
  const { promise, resolve, reject } = Promise.withResolvers<Ending>();
  const stopped = () => reject(signal.reason);
  /** Counts while it is the program's turn. */
  const watch = () => {
    clearTimeout(clock);
    if (asked.size === 0) clock = setTimeout(() => reject(outOfTime(task, computeMs)), GRACE * computeMs + START_MS);
  };
  const answer = async ({ id, ...asking }: Asking) => {
    asked.add(id);
    watch();
    const told = await toldOf(asking, outside);
    if (isOver) return;
    asked.delete(id);
    watch();
    thread.send({ id, ...told });
  };

  thread.listen({
    onMessage(message) {
      const { asking, ending } = message as { asking?: Asking; ending?: Ending };
      if (asking) answer(asking).catch(reject);
      if (ending) resolve(ending);
    },
    onEnd: (reason) => reject(endedEarly(task, reason)),
  });
  signal.addEventListener('abort', stopped);
  if (signal.aborted) stopped();
  watch();
  return promise.finally(() => {
    isOver = true;
    clearTimeout(clock);
    signal.removeEventListener('abort', stopped);
  });
}

const FileArguments = z.tuple([z.string().min(1).max(200)]);
const WriteArguments = z.tuple([z.string().min(1).max(200), z.string().nullable(), z.string().max(100).nullish()]);
const ToolArguments = z.tuple([z.string(), z.record(z.string(), z.unknown())]);

/** What goes wrong is for the program to deal with; only files that cannot be reached end it. */
async function toldOf(
  { operation, args, bytes }: Omit<Asking, 'id'>,
  { files, call }: Outside,
): Promise<Omit<Told, 'id'>> {
  const given: unknown = JSON.parse(args);
  try {
    switch (operation) {
      case 'files.list':
        return { json: JSON.stringify(await files.list()) };
      case 'files.read':
        return { json: JSON.stringify(new TextDecoder().decode(await fileOf(given))) };
      case 'files.readBytes':
        return { bytes: await fileOf(given) };
      case 'files.write': {
        const [name, content, mediaType] = WriteArguments.parse(given);
        return { json: JSON.stringify(await files.write(name, bytes ?? content ?? '', mediaType ?? undefined)) };
      }
      default: {
        const [name, toolArgs] = ToolArguments.parse(given);
        return { json: JSON.stringify(await called(() => call(name, toolArgs))) };
      }
    }
  } catch (thrown) {
    if (thrown instanceof z.ZodError) return { error: `The arguments do not fit: ${z.prettifyError(thrown)}` };
    if (!(thrown instanceof ToolFailure)) throw thrown;
    const { type, message, hint } = thrown.error;
    return { error: `${type}: ${message}${hint === undefined ? '' : `. ${hint}`}` };
  }

  async function fileOf(named: unknown): Promise<Uint8Array> {
    const [name] = FileArguments.parse(named);
    const content = await files.read(name);
    if (content === undefined) throw failed(`There is no file "${name}"`);
    return content;
  }
}

async function called(tool: () => Promise<unknown>): Promise<unknown> {
  try {
    return await tool();
  } catch (thrown) {
    throw thrown instanceof ToolFailure ? thrown : failed(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function failed(message: string): ToolFailure {
  return new ToolFailure({ type: 'ToolFailed', message });
}
