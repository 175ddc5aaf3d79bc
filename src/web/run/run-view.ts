import type { CallError, FinishReason, FoundPassage, Usage, Verdict } from '../../contract/index.ts';

/** A model call, as far as it has come. Times are ms since 1970. */
export interface CallView {
  id: string;
  step: string;
  model: string;
  epoch: number;
  state: 'waiting' | 'speaking' | 'done' | 'failed' | 'abandoned';
  text: string;
  reasoning: string;
  startedAt: number;
  firstTokenAt?: number;
  /** as it was measured where the call was made, from there on */
  firstTokenMs?: number;
  totalMs?: number;
  lastAt: number;
  usage?: Usage;
  /** null: its price is not known */
  costUsd?: number | null;
  finishReason?: FinishReason;
  cached?: boolean;
  /** why it is asked again, or why it failed */
  error?: CallError;
  /** until when the next attempt waits */
  retryAt?: number;
  /** the answer did not match its schema */
  invalid?: string;
}

/** One use of a tool. */
export interface ToolView {
  id: string;
  step: string;
  tool: string;
  arguments?: Record<string, unknown>;
  /** as they come, before all of them are there */
  argumentsText: string;
  state: 'asked' | 'running' | 'done' | 'failed' | 'interrupted';
  by?: 'client' | 'person' | 'workflow';
  result?: string;
  error?: CallError;
}

export interface ApprovalView {
  id: string;
  step: string;
  show: unknown;
  expiresAt?: string;
  approvers?: string[];
  decision?: { approved: boolean; by?: string; comment?: string; expired?: boolean };
}

export interface StepView {
  id: string;
  agent?: string;
  /** the run that does it */
  run?: string;
  /** what it answers, in a conversation */
  message?: { id: string; text: string };
  state: 'running' | 'done' | 'failed';
  error?: CallError;
  startedAt: number;
  endedAt?: number;
  /** its calls, tools and approvals, in the order they began */
  course: { kind: 'call' | 'tool' | 'approval'; id: string }[];
}

/** All that the events of a run have said so far. Parts that nothing was said of stay the same objects. */
export interface RunView {
  pattern?: string;
  state: 'unknown' | 'running' | 'completed' | 'failed' | 'cancelled';
  startedAt?: number;
  endedAt?: number;
  seq: number;
  steps: ReadonlyMap<string, StepView>;
  calls: ReadonlyMap<string, CallView>;
  tools: ReadonlyMap<string, ToolView>;
  approvals: ReadonlyMap<string, ApprovalView>;
  verdicts: readonly { step?: string; verdict: Verdict }[];
  passages: readonly { step?: string; query: string; passages: FoundPassage[] }[];
  /** number of the last event that was more than words */
  changedAt: number;
  /** number of the last event that ended an attempt without saying what it cost: the bill says it */
  untoldAt: number;
  error?: CallError;
}

export const EMPTY_RUN: RunView = {
  state: 'unknown',
  seq: 0,
  steps: new Map(),
  calls: new Map(),
  tools: new Map(),
  approvals: new Map(),
  verdicts: [],
  passages: [],
  changedAt: 0,
  untoldAt: 0,
};

export function hasEnded({ state }: RunView): boolean {
  return state !== 'unknown' && state !== 'running';
}

/** The calls of a step, in the order they began. */
export function callsOf(view: RunView, step: string): CallView[] {
  const { course = [] } = view.steps.get(step) ?? {};
  return course.flatMap(({ kind, id }) => (kind === 'call' ? [view.calls.get(id)!] : []));
}

/** The last call of a step whose words count: not one that was abandoned or left for another model. */
export function answerOf(view: RunView, step: string): CallView | undefined {
  const calls = callsOf(view, step);
  return calls.findLast(({ state }) => state !== 'abandoned' && state !== 'failed') ?? calls.at(-1);
}
