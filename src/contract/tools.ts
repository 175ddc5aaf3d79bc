import { z } from 'zod';
import type { RunRef } from './calls.ts';
import type { CallError } from './errors.ts';
import { later } from './later.ts';
import { JsonSchema } from './models.ts';
import { Duration } from './policy.ts';
import type { KeptMessage } from './transcripts.ts';

/** A tool as models see it: `calculator`, `github__search_issues`. */
export const ToolName = later(() =>
  z
    .string()
    .regex(
      /^[A-Za-z_][\w-]{0,63}$/,
      'A tool is named with letters, digits, _ and -, beginning with a letter, at most 64 of them',
    ),
);

/** One tool, or with a `*` at its end all that begin so: `github__*`. */
const ToolPattern = later(() =>
  z
    .string()
    .regex(
      /^[A-Za-z_][\w-]{0,63}\*?$/,
      'A tool is named as models see it, or by how its name begins: calculator, github__*',
    ),
);

/**
 * Whether a tool may be run again where its outcome is unknown. `unsafe`: it is run at most once, and the model is told
 * `interrupted` where a crash hid what became of it.
 */
export const Replay = later(() => z.enum(['safe', 'unsafe']));
export type Replay = z.infer<typeof Replay>;

/** Whether a person is asked before a tool runs: never, before its first use in a run, or before each. */
export const ApprovalRule = later(() => z.enum(['never', 'once', 'always']));
export type ApprovalRule = z.infer<typeof ApprovalRule>;

export const HttpMethod = later(() => z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']));
export type HttpMethod = z.infer<typeof HttpMethod>;

/** What a tool may ask over HTTP; everything else is denied. Private addresses always are, unless the config names their host. */
export const Reach = later(() =>
  z.strictObject({
    /** `api.example.org`, `*.example.org`, or `*` for any host of the public internet */
    hosts: z.array(z.string().regex(/^(\*|(\*\.)?[A-Za-z0-9.:_-]+)$/, 'A host is a name, *.name, or * for all')).min(1),
    /** left out, those that only read: GET and HEAD */
    methods: z.array(HttpMethod).min(1).optional(),
  }),
);
export type Reach = z.infer<typeof Reach>;

/** A tool that an agent may use: its name, or with rules that are stricter than the tool's own. */
export const ToolUse = later(() =>
  z.union([
    ToolPattern,
    z.strictObject({
      name: ToolPattern,
      /** for a tool the worker does not know: whoever started the run does the work, and gives the result */
      description: z.string().optional(),
      parameters: JsonSchema.optional(),
      approval: ApprovalRule.optional(),
      /** who may approve, by key, role (`role:approver`) or name; left out, whoever may approve */
      approvers: z.array(z.string().min(1)).min(1).optional(),
      /** how long the run waits for a person, or for a client's result; left out, for ever */
      patience: Duration.optional(),
      /** narrower than the tool's own */
      reach: Reach.optional(),
      /** where a crash hid what became of an unsafe call: tell the model (`tell`), or ask a person (`ask`) */
      onInterrupted: z.enum(['tell', 'ask']).optional(),
    }),
  ]),
);
export type ToolUse = z.infer<typeof ToolUse>;

/** What a workflow knows of a tool; what models are shown of it stays in the store. */
export interface ToolFacts {
  name: string;
  /** `worker`: an activity; `client`: the run waits for a result; `person`: somebody is asked a question */
  kind: 'worker' | 'client' | 'person';
  replay: Replay;
  /** `depends`: on the arguments, which `reviewTool` looks at */
  approval: ApprovalRule | 'depends';
  approvers?: string[];
  patience?: Duration;
  reach?: Reach;
  onInterrupted?: 'tell' | 'ask';
  /** ms one call may take */
  timeoutMs: number;
  /** by which of its arguments people know a call: `query` */
  telling?: string;
}

/** The tools of an agent: what models are shown of them is kept in the store under the hash. */
export interface Toolset {
  hash: string;
  /** estimated, as they count in each request */
  tokens: number;
  tools: ToolFacts[];
}

/** One use of one tool, as an activity. */
export interface ToolCall {
  run: RunRef;
  step: string;
  /** whose call it is, as the journal knows it; with `turn`, `id` and the arguments it is the call's name */
  agent: string;
  /** whose call it is, as people know it */
  by: string;
  /** chain in whose journal it is, where it is not the run's own: a fork takes over what was done before it */
  journal?: string;
  /** the agent's model call that asked for it, from 1 */
  turn: number;
  /** the model's own name of the call, where the transcript names it again */
  id: string;
  tool: string;
  arguments: Record<string, unknown>;
  replay: Replay;
  reach?: Reach;
  timeoutMs: number;
  /** names of all tools the agent has: code may call the safe ones among them */
  tools: string[];
  /** a call that did not end at once goes on */
  resume?: { state: unknown; answer?: ToolAnswer };
}

/** What a person or client said to a tool that asked. */
export interface ToolAnswer {
  accepted: boolean;
  content?: Record<string, unknown>;
}

/** What became of a tool call: its result, kept as the message the model gets, or what it waits for. */
export type ToolOutcome = ToolDone | ToolUnfinished;

export type ToolUnfinished =
  /** it goes on elsewhere: look again in so many ms */
  | { wait: { state: unknown; pollMs: number; message?: string } }
  /** it needs to know something of a person */
  | { ask: { state: unknown; message: string; schema?: JsonSchema } };

export interface ToolDone {
  kept: KeptMessage;
  /** what it ended with; the model was told */
  error?: CallError;
  /** a crash hid what became of it */
  interrupted?: boolean;
}

/** What is known of a call before it is made. */
export interface ToolReview {
  /** arguments that do not fit: the model is told */
  problem?: string;
  needsApproval: boolean;
}

export interface ToolActivities {
  /** Finds the tools an agent may use, and keeps what models are shown of them. @throws InvalidRequest */
  openTools(run: RunRef, uses: ToolUse[]): Promise<Toolset>;
  /** Checks the arguments of a call, and whether the tool wants a person asked for these. */
  reviewTool(tool: string, args: Record<string, unknown>): Promise<ToolReview>;
  /** Runs a tool, or returns what the same call already gave. What goes wrong in the tool is told to the model; only
   *  cancellation throws, and an error that a further attempt may not have. */
  callTool(call: ToolCall): Promise<ToolOutcome>;
  /** Tells a tool that goes on elsewhere that nobody waits for it any more. */
  abandonTool(call: ToolCall): Promise<void>;
}
