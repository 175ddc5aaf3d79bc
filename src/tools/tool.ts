import { z } from 'zod';
import {
  type ApprovalRule,
  type CallError,
  type DocumentQuery,
  type Duration,
  durationMs,
  type JsonSchema,
  type Log,
  type Passage,
  type Reach,
  type Replay,
  type RunRef,
  type ToolUnfinished,
} from '../contract/index.ts';

/** Longest a tool may take where it does not say, ms. */
const DEFAULT_TIMEOUT_MS = 60_000;

/** A file of a run: small ones and large results that models read in pieces. */
export interface RunFile {
  name: string;
  /** bytes */
  size: number;
  mediaType: string;
}

/** The files of a run, shared by its tools. */
export interface RunFiles {
  list(): Promise<RunFile[]>;
  /** undefined where there is none */
  read(name: string): Promise<Uint8Array | undefined>;
  /** A file that is there already is replaced. */
  write(name: string, content: string | Uint8Array, mediaType?: string): Promise<RunFile>;
}

/** What a tool is given besides its arguments. */
export interface ToolContext {
  /** aborts when the run is cancelled, or the tool's time is over */
  signal: AbortSignal;
  run: RunRef;
  step: string;
  /** the same in each attempt of one call: for services that know idempotency keys */
  idempotencyKey: string;
  /** asks only what the tool may reach, and gives up on what is too long or too slow; @throws ToolFailure ToolDenied */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>;
  files: RunFiles;
  documents: {
    /** Passages of a collection of the run's tenant, nearest first; of its only one where none is named. @throws ToolFailure */
    search(query: Omit<DocumentQuery, 'collection'> & { collection?: string }): Promise<Passage[]>;
  };
  /** Calls another of the agent's tools, if it is safe and needs no approval. @throws ToolFailure */
  call(tool: string, args: Record<string, unknown>): Promise<unknown>;
  log: Log;
  env: NodeJS.ProcessEnv;
}

/** Marks an outcome that is not a result. */
const UNFINISHED = Symbol.for('cadenza.unfinished');
/** Of every copy's: a project's config may import one, and a command line of elsewhere run another. */
const FAILURE = Symbol.for('cadenza.ToolFailure');

/** The tool goes on elsewhere (`wait`), or needs to know something of a person (`ask`): `resume` is called with its state. */
export function unfinished(outcome: ToolUnfinished): unknown {
  return { [UNFINISHED]: outcome };
}

export function asUnfinished(result: unknown): ToolUnfinished | undefined {
  return typeof result === 'object' && result !== null
    ? (result as { [UNFINISHED]?: ToolUnfinished })[UNFINISHED]
    : undefined;
}

/** A tool, whoever made it. */
export interface Tool {
  name: string;
  description: string;
  /** JSON schema of its arguments, an object */
  parameters: JsonSchema;
  /** @returns the arguments as the tool takes them, or what is wrong with them, for the model to read */
  check(args: Record<string, unknown>): Promise<{ args: unknown } | { problem: string }>;
  replay: Replay;
  approval: ApprovalRule | ((args: unknown) => boolean | Promise<boolean>);
  approvers?: string[];
  /** ms */
  timeoutMs: number;
  /** what `context.fetch` may ask; left out, nothing */
  reach?: Reach;
  /** the argument by which people know a call: `query` */
  telling?: string;
  /** left out: the work is done by whoever started the run, or, for `person`, by somebody who is asked */
  run?(args: unknown, context: ToolContext): Promise<unknown>;
  /** goes on with a call that returned `unfinished` */
  resume?(
    state: unknown,
    context: ToolContext,
    answer?: { accepted: boolean; content?: Record<string, unknown> },
  ): Promise<unknown>;
  /** nobody waits any more for a call that returned `unfinished` */
  abandon?(state: unknown, context: ToolContext): Promise<void>;
  asksPerson?: boolean;
  /** where its results come from, if others write them: models are shown them as data (as-data.ts) */
  outside?: string;
}

export interface ToolDefinition<Input extends z.ZodType, Output> {
  name: string;
  /** what it does and when to use it, for the model */
  description: string;
  input: Input;
  /** left out, whoever started the run does the work and gives the result */
  run?(args: z.output<Input>, context: ToolContext): Promise<Output> | Output;
  /** what `run` gives; a result that does not fit is an error the model is told */
  output?: z.ZodType<Output>;
  /** default `unsafe`: it is run at most once */
  replay?: Replay;
  /** default `never` */
  approval?: ApprovalRule | ((args: z.output<Input>) => boolean | Promise<boolean>);
  /** who may approve: by key, role (`role:approver`) or name */
  approvers?: string[];
  /** how long one call may take, default 60 s */
  timeout?: Duration;
  /** what `context.fetch` may ask; left out, nothing */
  reach?: Reach;
  telling?: string;
  /** where its results come from, if others write them (`a web page`): models are shown them as data */
  outside?: string;
}

/**
 * Makes a tool of a function: `defineTool({ name: 'weather', description, input: z.object({ city: z.string() }), run })`.
 * What it throws is told to the model; a {@link ToolFailure} says in addition whether trying again may help.
 */
export function defineTool<Input extends z.ZodType, Output>(definition: ToolDefinition<Input, Output>): Tool {
  const { name, description, input, output, run, timeout, ...rest } = definition;
  return {
    replay: 'unsafe',
    ...rest,
    name,
    description,
    parameters: z.toJSONSchema(input, { io: 'input' }) as JsonSchema,
    timeoutMs: timeout === undefined ? DEFAULT_TIMEOUT_MS : durationMs(timeout),
    approval: (definition.approval as Tool['approval'] | undefined) ?? 'never',
    async check(args) {
      const parsed = await input.safeParseAsync(args);
      return parsed.success ? { args: parsed.data } : { problem: z.prettifyError(parsed.error) };
    },
    ...(run && {
      run: async (args: unknown, context: ToolContext) => {
        const result = await run(args as z.output<Input>, context);
        return output && asUnfinished(result) === undefined ? output.parse(result) : result;
      },
    }),
  };
}

/** What a tool throws: an error of the contract. `instanceof` knows those of other copies of this module too. */
export class ToolFailure extends Error {
  readonly error: CallError;
  /** trying again may help: a limit, an outage, a lost connection */
  readonly retryable: boolean;
  /** nobody knows what the tool did: what ran it was lost */
  readonly interrupted: boolean;

  constructor(
    error: CallError,
    {
      retryable = false,
      interrupted = false,
      ...options
    }: ErrorOptions & { retryable?: boolean; interrupted?: boolean } = {},
  ) {
    super(error.message, options);
    this.name = 'ToolFailure';
    this.error = error;
    this.retryable = retryable;
    this.interrupted = interrupted;
    Object.defineProperty(this, FAILURE, { value: true });
  }
}

Object.defineProperty(ToolFailure, Symbol.hasInstance, {
  value(this: unknown, thrown: unknown): boolean {
    // A class made of it has instances of its own.
    if (this !== ToolFailure) return Function.prototype[Symbol.hasInstance].call(this as () => void, thrown);
    return typeof thrown === 'object' && thrown !== null && FAILURE in thrown;
  },
});
