import { z } from 'zod';
import { later } from '../later.ts';
import { Message } from '../messages.ts';
import { Answer, JsonSchema } from '../models.ts';
import { Duration, PolicyRef } from '../policy.ts';
import { ToolName, ToolUse } from '../tools.ts';
import type { TranscriptPlace } from '../transcripts.ts';

export const AgentName = later(() =>
  z
    .string()
    .regex(/^[A-Za-z][\w -]{0,39}$/, 'An agent is named with letters, digits, spaces, _ and -, at most 40 of them'),
);

const profile = () => ({
  /** who it is and how it works */
  system: z.string().min(1).optional(),
  tools: z.array(ToolUse).max(500).optional(),
  /** skills it may load, by name: folders with a SKILL.md */
  skills: z.array(z.string().regex(/^[\w-]{1,50}$/)).optional(),
  policy: PolicyRef.optional(),
  /** agents it may hand over to, by name */
  handoffs: z.array(AgentName).optional(),
});

/** An agent that another one may hand over to. */
const AgentProfile = later(() =>
  z.strictObject({ ...profile(), /** when to hand over to it, for the other agent */ description: z.string().min(1) }),
);

/** What of an agent's transcript is sent. Tokens are counted as the provider bills them. */
export const AgentContext = later(() =>
  z
    .strictObject({
      /** most tokens of a request: before it would have more, the oldest lines become a summary */
      maxTokens: z.number().int().min(1_000),
      /** tokens of the newest lines that are left as they are, default a quarter of it */
      keepTokens: z.number().int().min(100).optional(),
      /** who writes the summary; left out, the agent's own policy */
      policy: PolicyRef.optional(),
    })
    .refine(({ maxTokens, keepTokens }) => keepTokens === undefined || keepTokens < maxTokens, {
      message: 'keepTokens is less than maxTokens',
      path: ['keepTokens'],
    }),
);
export type AgentContext = z.infer<typeof AgentContext>;

export const AgentLimits = later(() =>
  z.strictObject({
    /** from its beginning; what waits for people counts too */
    time: Duration.optional(),
    /** USD of its model calls */
    costUsd: z.number().positive().optional(),
    /** tool calls in a row that fail, default 10 */
    toolErrors: z.number().int().min(1).optional(),
  }),
);

/** Model calls an agent makes where its input does not say. */
export const DEFAULT_MAX_STEPS = 50;

/** An agent, whatever it is to do. */
const agent = () => ({
  ...profile(),
  /** what people call it, default `agent` */
  name: AgentName.optional(),
  /** model calls at most, default 50; then it answers with what it has */
  maxSteps: z.number().int().min(1).max(100_000).optional(),
  /** JSON schema of the final answer */
  schema: JsonSchema.optional(),
  limits: AgentLimits.optional(),
  context: AgentContext.optional(),
  /** tools after whose use it stops, without a further model call */
  stopOn: z.array(ToolName).optional(),
  /** events one Temporal history holds before the run goes on in a new one, default 4,000 */
  historyEvents: z.number().int().min(50).max(20_000).optional(),
  /** others that take part by hand-over */
  agents: z.record(AgentName, AgentProfile).optional(),
});

export const AgentInput = later(() =>
  z
    .strictObject({
      ...agent(),
      task: z.string().min(1).optional(),
      messages: z.array(Message).min(1).optional(),
    })
    .refine((input) => (input.task === undefined) !== (input.messages === undefined), {
      message: 'Give either task or messages',
      path: ['task'],
    })
    .superRefine(checkHandoffs),
);
export type AgentInput = z.infer<typeof AgentInput>;

/** An agent that is known by a name in the config, and given its task or messages when it is to work. */
export const AgentDefinition = later(() =>
  z
    .strictObject({
      ...agent(),
      /** what it is for: people, and agents elsewhere, choose it by this */
      description: z.string().min(1).optional(),
    })
    .superRefine(checkHandoffs),
);
export type AgentDefinition = z.infer<typeof AgentDefinition>;

interface Team {
  name?: string;
  handoffs?: string[];
  agents?: Record<string, { handoffs?: string[] }>;
}

function checkHandoffs(input: Team, context: z.core.$RefinementCtx<unknown>): void {
  const { name = 'agent', agents = {} } = input;
  const all = { ...agents, [name]: input };
  if (Object.hasOwn(agents, name))
    context.addIssue({ code: 'custom', path: ['agents', name], message: `"${name}" is the first agent's own name` });
  for (const [who, { handoffs = [] }] of Object.entries(all)) {
    const path = who === name ? ['handoffs'] : ['agents', who, 'handoffs'];
    for (const [index, to] of handoffs.entries()) {
      const known = Object.hasOwn(all, to);
      if (to !== who && known) continue;
      const message =
        to === who
          ? `"${who}" cannot hand over to itself`
          : `There is no agent "${to}". Known here: ${Object.keys(all).join(', ')}`;
      context.addIssue({ code: 'custom', path: [...path, index], message });
    }
  }
}

/** Why an agent stopped. `done`: it had its answer; `stopped`: somebody told it to; else the limit that was reached. */
export const AgentStop = later(() => z.enum(['done', 'stopOn', 'maxSteps', 'time', 'cost', 'toolErrors', 'stopped']));
export type AgentStop = z.infer<typeof AgentStop>;

/** One use of a tool, in the order the model asked. */
export const UsedToolCall = later(() =>
  z.object({
    id: z.string(),
    tool: z.string(),
    /** the step in the timeline and the events */
    step: z.string(),
    /** the type of the error it ended with */
    error: z.string().optional(),
    interrupted: z.boolean().optional(),
  }),
);
export type UsedToolCall = z.infer<typeof UsedToolCall>;

export const AgentResult = later(() =>
  Answer.extend({
    /** model calls it made; `usage` and `costUsd` are those of all of them */
    steps: z.number().int(),
    toolCalls: z.array(UsedToolCall),
    stopReason: AgentStop,
    /** who answered, where it handed over */
    agent: z.string().optional(),
  }),
);
export type AgentResult = z.infer<typeof AgentResult>;

/** The Update, and the Signal, that gives an agent a message it reads at its next turn. */
export const STEER_AGENT = 'send';
/** The Signal that stops it: what it is at is aborted, and it ends with what it has. */
export const STOP_AGENT = 'stop';
/** The Update, and the Signal, that gives the result of a tool the client runs. */
export const GIVE_TOOL_RESULT = 'toolResult';

/** What a client's tool gave: a result, or an error the model is told. */
export const ToolResultInput = later(() =>
  z
    .strictObject({ result: z.unknown().optional(), error: z.string().min(1).optional() })
    .refine(({ result, error }) => (result === undefined) !== (error === undefined), 'Give either result or error'),
);
export type ToolResultInput = z.infer<typeof ToolResultInput>;

export const GivenToolResult = later(() => z.object({ toolCall: z.string().min(1), given: ToolResultInput }));
export type GivenToolResult = z.infer<typeof GivenToolResult>;

/** What became of something a run was told. */
export const TakenByRun = later(() =>
  z.object({
    /** of the run */
    id: z.string(),
    /** false: no worker was there to take it, so Temporal keeps it until one is */
    taken: z.boolean(),
  }),
);
export type TakenByRun = z.infer<typeof TakenByRun>;

/** Where an agent's transcript begins. */
export interface OpenedAgent {
  place: TranscriptPlace;
  /** hash of the request it works on */
  task: string;
  /** estimated tokens of all lines */
  tokens: number;
}

/** Where the lines that are no longer sent end. */
export interface Compaction {
  /** the first line that is still sent: never a tool's result without its call */
  to: number;
  /** estimated tokens of the lines from there on */
  keptTokens: number;
}

export interface AgentActivities {
  /** Begins an agent's transcript with what it is asked. */
  openTranscript(id: string, messages: Message[]): Promise<OpenedAgent>;
  /** Chooses the oldest lines of a window that a summary is to stand for; nothing where there are none to be left out. */
  planCompaction(place: TranscriptPlace, keepTokens: number): Promise<Compaction | undefined>;
}
