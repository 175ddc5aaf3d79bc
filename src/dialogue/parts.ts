import type { CallError, FinishReason, FoundPassage, RunEvent, Usage } from '../contract/index.ts';

/** What the tools of a run wait for: a person's yes, or a result that the client gives. */
export type Awaited =
  | { kind: 'approval'; approval: string; toolCall?: string; show: unknown; expiresAt?: string }
  | { kind: 'result'; toolCall: string; tool: string; arguments: Record<string, unknown> };

type Said =
  /** a model begins a message; `message` names it within the run */
  | { type: 'message'; message: string }
  /** what was said of the message so far is taken back: another attempt begins it anew */
  | { type: 'reset'; message: string }
  | { type: 'text' | 'reasoning'; message: string; delta: string }
  | { type: 'tool.input'; message: string; toolCall: string; tool: string; delta: string }
  /** a model asked for a tool, with these arguments */
  | { type: 'tool.asked'; message: string; toolCall: string; tool: string; arguments: Record<string, unknown> }
  /** the message is whole */
  | { type: 'spent'; message: string; model: string; usage: Usage; costUsd: number | null; finishReason: FinishReason }
  | { type: 'tool.started'; toolCall: string; tool: string; arguments: Record<string, unknown>; by: ToolWorker }
  /** `result` is its beginning; each tool that was asked for gets one of these, or the run ends before */
  | { type: 'tool.done'; toolCall: string; tool: string; result?: string; error?: CallError }
  | { type: 'approval.asked'; awaited: Extract<Awaited, { kind: 'approval' }> }
  | { type: 'approval.answered'; approval: string; toolCall?: string; approved: boolean; comment?: string }
  | { type: 'sources'; passages: FoundPassage[] }
  | { type: 'end'; status: 'completed' | 'failed' | 'cancelled'; error?: CallError };

export type ToolWorker = 'worker' | NonNullable<Extract<RunEvent, { type: 'tool.started' }>['by']>;

/** A piece of what a run says to whoever talks with it; `seq` is the event it stands in. */
export type Part = Said & { seq: number };

/** What an answer to it is known by. */
export function awaitedId(awaited: Awaited): string {
  return awaited.kind === 'approval' ? awaited.approval : awaited.toolCall;
}
