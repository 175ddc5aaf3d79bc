import type {
  AgentInput,
  AgentResult,
  AgentStop,
  Message,
  ModelRef,
  ModelReply,
  Toolset,
  TranscriptPlace,
  Usage,
  UsedToolCall,
} from '../../contract/index.ts';
import { DEFAULT_MAX_STEPS, durationMs } from '../../contract/index.ts';

/** Tool calls in a row that may fail where the input does not say. */
const DEFAULT_TOOL_ERRORS = 10;

/** One agent of a team, opened: its instructions and its tools by reference. */
export interface Opened {
  toolset?: Toolset;
  /** hash of its instructions */
  system?: string;
}

/** What an agent knows between two turns: references and numbers, no texts. It goes along into new histories. */
export interface AgentState {
  team: Record<string, Opened>;
  /** who is at work */
  active: string;
  place: TranscriptPlace;
  /** what stands for the lines before the window: a summary, and the task */
  head: string[];
  /** hash of the request it works on */
  task: string;
  /** lines that come next: results of tools, messages from outside */
  add: (string | Message)[];
  /** ids of messages from outside, so that one that comes again is read once */
  known?: string[];
  /** tokens the next request will have, estimated from what the last one was billed */
  tokens: number;
  /** most tokens of a request, where a provider took less than the input allows */
  maxTokens?: number;
  /** the step of the model call made last */
  askedIn?: string;
  /** model calls made */
  steps: number;
  usage: Usage;
  costUsd: number | null;
  toolCalls: UsedToolCall[];
  /** tool calls in a row that failed */
  failed: number;
  /** tools a person approved once */
  approved: string[];
  /** ms since 1970 */
  startedAt: number;
  last?: Pick<ModelReply, 'text' | 'object' | 'model' | 'finishReason'>;
}

/** The limit that is reached: one more answer, without tools, ends the agent. */
export function limitReached(
  { maxSteps = DEFAULT_MAX_STEPS, limits = {} }: AgentInput,
  state: AgentState,
  now: number,
): AgentStop | undefined {
  const { time, costUsd, toolErrors = DEFAULT_TOOL_ERRORS } = limits;
  if (state.steps >= maxSteps - 1) return 'maxSteps';
  if (time !== undefined && now - state.startedAt >= durationMs(time)) return 'time';
  if (costUsd !== undefined && (state.costUsd ?? 0) >= costUsd) return 'cost';
  return state.failed >= toolErrors ? 'toolErrors' : undefined;
}

/** What the model is told when it may not go on. */
export const WRAP_UP: Record<Exclude<AgentStop, 'done' | 'stopOn' | 'stopped'>, string> = {
  maxSteps: 'You have no more steps.',
  time: 'The time for this task is over.',
  cost: 'The money for this task is spent.',
  toolErrors: 'The tools keep failing.',
};

/** @param askedIn the step of the model call */
export function withReply(state: AgentState, reply: ModelReply, askedIn: string): AgentState {
  const { keptAt, usage, costUsd, text, object, model, finishReason } = reply;
  const { from } = state.place;
  return {
    ...state,
    place: { id: keptAt!.id, length: keptAt!.length, from },
    add: [],
    tokens: usage.inputTokens + usage.outputTokens,
    steps: state.steps + 1,
    askedIn,
    usage: sumOf(state.usage, usage),
    costUsd: costUsd === null || state.costUsd === null ? null : state.costUsd + costUsd,
    last: { text, object, model, finishReason },
  };
}

export function sumOf(one: Usage, other: Usage): Usage {
  const names = Object.keys({ ...one, ...other }) as (keyof Usage)[];
  return Object.fromEntries(names.map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)])) as unknown as Usage;
}

/** Approximately: characters of a message a client or person gave, for the next request's size. */
export function estimatedTokensOf(message: Message): number {
  return Math.ceil(JSON.stringify(message.content).length / 4);
}

/** @param asked the model that was asked, or would have been, where none has answered */
export function resultOf(state: AgentState, stopReason: AgentStop, name: string, asked: ModelRef = ''): AgentResult {
  const { last, usage, costUsd, steps, toolCalls, active } = state;
  const { text = '', object, model = asked, finishReason = 'other' } = last ?? {};
  return {
    text,
    ...(object === undefined ? {} : { object }),
    model,
    usage,
    costUsd: costUsd === null ? null : Number(costUsd.toFixed(12)),
    finishReason: stopReason === 'stopped' ? 'other' : finishReason,
    steps,
    toolCalls,
    stopReason,
    ...(active === name ? {} : { agent: active }),
  };
}
