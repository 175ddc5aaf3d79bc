import type { CallError, RunEvent } from '../contract/index.ts';
import type { Awaited, Part } from './parts.ts';

/** Reads a run's events, from the first one on, as what it says to whoever talks with it. */
export interface PartReader {
  /** @param event the next one */
  read(event: RunEvent): Part[];
  /** what nobody but the reader can give */
  awaited(): Awaited[];
  /** `working`: a tool is at work; `unclear`: a tool was asked for that was not heard of since; `idle`: neither */
  tools(): 'working' | 'unclear' | 'idle';
}

interface OpenCall {
  tool: string;
  state: 'asked' | 'working' | 'waiting';
}

type Event<Type extends RunEvent['type']> = Extract<RunEvent, { type: Type }>;

/**
 * The words of a message are those of one attempt of one call: when another one speaks up in the same step (a retry, the
 * next candidate, a repair), what was said before is taken back. Steps within steps (`agent/summary`) are not for readers.
 * @param message of a conversation: only its turn is read
 */
export function partReader(message?: string): PartReader {
  const spoken = new Map<string, { call: string; epoch: number }>();
  const open = new Map<string, OpenCall>();
  const awaited = new Map<string, Awaited>();
  /** tool calls by the step they are */
  const toolOf = new Map<string, string>();
  let turn: string | undefined;

  const isHeard = (step: string | undefined): step is string =>
    step !== undefined && !step.includes('/') && (message === undefined || step === turn);

  /** A model says something in a step. @returns what comes before its words; nothing where they were taken back before */
  function floor({ seq, step, call = '', epoch = 1 }: RunEvent & { step: string }): Part[] | undefined {
    const before = spoken.get(step);
    if (before?.call === call && before.epoch >= epoch) return before.epoch === epoch ? [] : undefined;
    spoken.set(step, { call, epoch });
    if (!before) return [...unheardOf(seq), { type: 'message', message: step, seq }];
    open.clear();
    return [{ type: 'reset', message: step, seq }];
  }

  /** Calls of tools of which no event tells: those that were not made. */
  function unheardOf(seq: number): Part[] {
    const parts = [...open].map(([toolCall, { tool }]): Part => {
      const done = { type: 'tool.done' as const, toolCall, tool, seq };
      return tool.startsWith(HAND_OVER) ? { ...done, result: 'Handed over' } : { ...done, error: NOT_MADE };
    });
    for (const [id, { toolCall }] of awaited) if (toolCall !== undefined && open.has(toolCall)) awaited.delete(id);
    open.clear();
    return parts;
  }

  function started({ seq, step, tool, id, arguments: args, by }: Event<'tool.started'>): Part[] {
    const toolCall = id ?? step!;
    toolOf.set(step!, toolCall);
    const mine = by === 'client';
    open.set(toolCall, { tool, state: mine ? 'waiting' : by === 'person' ? 'asked' : 'working' });
    if (mine) awaited.set(toolCall, { kind: 'result', toolCall, tool, arguments: args });
    return [{ type: 'tool.started', toolCall, tool, arguments: args, by: by ?? 'worker', seq }];
  }

  function completed({ seq, step, tool, id, result, error, interrupted }: Event<'tool.completed'>): Part[] {
    const toolCall = id ?? step!;
    open.delete(toolCall);
    awaited.delete(toolCall);
    const failed = error ?? (interrupted ? INTERRUPTED : undefined);
    return [{ type: 'tool.done', toolCall, tool, ...(failed ? { error: failed } : { result: result ?? '' }), seq }];
  }

  function asked({ seq, approval, show, expiresAt }: Event<'approval.requested'>): Part[] {
    const toolCall = (show as { toolCall?: string } | null)?.toolCall ?? toolOf.get(approval.replace(/\/\w+$/, ''));
    const request = { kind: 'approval' as const, approval, show, ...(toolCall !== undefined && { toolCall }) };
    const wanted = expiresAt === undefined ? request : { ...request, expiresAt };
    awaited.set(approval, wanted);
    const call = toolCall === undefined ? undefined : open.get(toolCall);
    if (call) call.state = 'waiting';
    return [{ type: 'approval.asked', awaited: wanted, seq }];
  }

  function answered({ seq, approval, approved, comment }: Event<'approval.resolved'>): Part[] {
    const request = awaited.get(approval);
    awaited.delete(approval);
    const toolCall = request?.toolCall;
    const call = toolCall === undefined ? undefined : open.get(toolCall);
    const answer: Part = { type: 'approval.answered', approval, approved, seq, ...(toolCall && { toolCall }) };
    if (comment !== undefined) Object.assign(answer, { comment });
    if (!call) return [answer];
    call.state = 'asked';
    // A tool that was not allowed is not heard of again; a question that was answered with no has its answer.
    if (approved || !approval.endsWith('/approve')) return [answer];
    open.delete(toolCall!);
    const message = `${call.tool} was not allowed${comment === undefined ? '' : `: ${comment}`}`;
    const error: CallError = { type: 'ToolDenied', message };
    return [answer, { type: 'tool.done', toolCall: toolCall!, tool: call.tool, error, seq }];
  }

  function ended(
    event: Event<'run.completed' | 'run.failed' | 'run.cancelled' | 'step.completed' | 'step.failed'>,
  ): Part[] {
    const { seq } = event;
    const status = event.type.endsWith('.completed')
      ? ('completed' as const)
      : event.type === 'run.cancelled'
        ? ('cancelled' as const)
        : ('failed' as const);
    const error = 'error' in event ? event.error : undefined;
    return [...unheardOf(seq), { type: 'end', status, ...(error && { error }), seq }];
  }

  function read(event: RunEvent): Part[] {
    const { seq, step } = event;
    switch (event.type) {
      case 'step.started':
        if (message !== undefined && event.message?.id === message) turn = step;
        return [];
      case 'step.completed':
      case 'step.failed':
        return message !== undefined && step !== undefined && step === turn ? ended(event) : [];
      case 'run.completed':
      case 'run.failed':
      case 'run.cancelled':
        return ended(event);
      case 'documents.found':
        return message === undefined ? [{ type: 'sources', passages: event.passages, seq }] : [];
    }
    if (message === undefined) {
      if (event.type === 'tool.started') return started(event);
      if (event.type === 'tool.completed') return completed(event);
      if (event.type === 'approval.requested') return asked(event);
      if (event.type === 'approval.resolved') return answered(event);
    }
    if (!isHeard(step)) return [];
    if (!isSpeech(event)) return [];
    const before = floor({ ...event, step });
    if (!before) return [];
    const at = { message: step, seq };
    switch (event.type) {
      case 'call.delta':
        return [...before, { type: 'text', ...at, delta: event.text }];
      case 'call.reasoning':
        return [...before, { type: 'reasoning', ...at, delta: event.text }];
      case 'call.toolcall': {
        const { id: toolCall, name: tool, delta, arguments: args } = event;
        if (args === undefined) return [...before, { type: 'tool.input', ...at, toolCall, tool, delta: delta ?? '' }];
        open.set(toolCall, { tool, state: 'asked' });
        return [...before, { type: 'tool.asked', ...at, toolCall, tool, arguments: args }];
      }
      case 'call.completed': {
        const { model, usage, costUsd, finishReason } = event;
        return [...before, { type: 'spent', ...at, model, usage, costUsd, finishReason }];
      }
    }
  }

  return {
    read,
    awaited: () => [...awaited.values()],
    tools() {
      const states = [...open.values()].map(({ state }) => state);
      return states.includes('working') ? 'working' : states.includes('asked') ? 'unclear' : 'idle';
    },
  };
}

const SPEECH = ['call.delta', 'call.reasoning', 'call.toolcall', 'call.completed'] as const;

function isSpeech(event: RunEvent): event is Event<(typeof SPEECH)[number]> {
  return (SPEECH as readonly string[]).includes(event.type);
}

/** How the names of tools begin by which an agent hands its task over. */
const HAND_OVER = 'hand_over_to_';

const NOT_MADE: CallError = {
  type: 'ToolFailed',
  message: 'The call was not made: there is no such tool, or its arguments do not fit, or the run has ended',
};

const INTERRUPTED: CallError = {
  type: 'ToolFailed',
  message: 'Interrupted: it is not known whether the tool did what it was asked',
};
