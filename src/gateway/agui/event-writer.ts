import type {
  AGUIEvent,
  AssistantMessage,
  EventType,
  Interrupt,
  Message,
  RunAgentInput,
  TokenUsage,
} from '@ag-ui/core';
import { type CallError, modelIdOf, providerOf, type Usage } from '../../contract/index.ts';
import type { Awaited, Part } from '../../dialogue/parts.ts';
import { idIn } from './run-input.ts';

/** An event of AG-UI; types are written as they stand on the wire. */
export type Event = { type: `${EventType}` } & Omit<AGUIEvent, 'type'> & Record<string, unknown>;

/** Turns the parts of a run into AG-UI's events. */
export interface EventWriter {
  begin(): Event[];
  write(part: Part): Event[];
  /** The AG-UI run ends here: its agent waits for the client. */
  pause(awaits: Awaited[]): Event[];
}

/**
 * What the client has already (`input.messages`) is not told again: an AG-UI run that goes on with an agent that waited is
 * told of the agent's run from its first event on, and only what is new is passed on. So it needs no memory of its own, and
 * a request that is repeated is answered as before.
 */
export function eventWriter(run: string, input: RunAgentInput): EventWriter {
  const { threadId, runId } = input;
  const known = new Set(input.messages.map(({ id }) => id));
  const answered = new Set(input.messages.flatMap((message) => (message.role === 'tool' ? [message.toolCallId] : [])));
  /** what was told in this run, for the client to go back to where words are taken back */
  const told: Message[] = [];
  const spent = new Map<string, TokenUsage>();
  let costUsd: number | null = 0;
  let open: { kind: 'text' | 'reasoning'; id: string } | undefined;
  const openCalls = new Set<string>();
  const toldCalls = new Set<string>();

  function close(): Event[] {
    if (!open) return [];
    const { kind, id: messageId } = open;
    open = undefined;
    if (kind === 'text') return [{ type: 'TEXT_MESSAGE_END', messageId }];
    return [
      { type: 'REASONING_MESSAGE_END', messageId },
      { type: 'REASONING_END', messageId },
    ];
  }

  function closeCalls(): Event[] {
    const ends = [...openCalls].map((toolCallId): Event => ({ type: 'TOOL_CALL_END', toolCallId }));
    openCalls.clear();
    return ends;
  }

  function messageOf(id: string): AssistantMessage {
    const last = told.find((message) => message.id === id);
    if (last?.role === 'assistant') return last;
    const message: AssistantMessage = { id, role: 'assistant' };
    told.push(message);
    return message;
  }

  function text(message: string, delta: string): Event[] {
    const id = idIn(run, message);
    if (known.has(id)) return [];
    const events = open?.kind === 'text' ? [] : close();
    if (!open) {
      open = { kind: 'text', id };
      events.push({ type: 'TEXT_MESSAGE_START', messageId: id, role: 'assistant' });
    }
    const said = messageOf(id);
    said.content = (said.content ?? '') + delta;
    return [...events, { type: 'TEXT_MESSAGE_CONTENT', messageId: id, delta }];
  }

  function reasoning(message: string, delta: string): Event[] {
    if (known.has(idIn(run, message))) return [];
    const id = idIn(run, `${message}/thoughts`);
    const events = open?.kind === 'reasoning' ? [] : close();
    if (!open) {
      open = { kind: 'reasoning', id };
      events.push(
        { type: 'REASONING_START', messageId: id },
        { type: 'REASONING_MESSAGE_START', messageId: id, role: 'reasoning' },
      );
    }
    return [...events, { type: 'REASONING_MESSAGE_CONTENT', messageId: id, delta }];
  }

  function toolInput(message: string, toolCallId: string, toolCallName: string, delta: string): Event[] {
    const parentMessageId = idIn(run, message);
    if (known.has(parentMessageId)) return [];
    const said = messageOf(parentMessageId);
    const events: Event[] = [];
    if (!toldCalls.has(toolCallId)) {
      toldCalls.add(toolCallId);
      openCalls.add(toolCallId);
      const call = { id: toolCallId, type: 'function' as const, function: { name: toolCallName, arguments: '' } };
      said.toolCalls = [...(said.toolCalls ?? []), call];
      events.push(...close(), { type: 'TOOL_CALL_START', toolCallId, toolCallName, parentMessageId });
    }
    said.toolCalls!.find(({ id }) => id === toolCallId)!.function.arguments += delta;
    return [...events, { type: 'TOOL_CALL_ARGS', toolCallId, delta }];
  }

  function toolDone(toolCallId: string, result: string | undefined, error: CallError | undefined): Event[] {
    if (answered.has(toolCallId)) return [];
    const messageId = idIn(run, `${toolCallId}/result`);
    const content = error ? `${error.type}: ${error.message}` : (result ?? '');
    told.push({ id: messageId, role: 'tool', toolCallId, content, ...(error && { error: error.message }) });
    return [{ type: 'TOOL_CALL_RESULT', messageId, toolCallId, content, role: 'tool' }];
  }

  function finished(more: object): Event[] {
    const result = { runId: run, costUsd };
    return [
      ...close(),
      ...closeCalls(),
      { type: 'RUN_FINISHED', threadId, runId, result, usage: [...spent.values()], ...more },
    ];
  }

  function write(part: Part): Event[] {
    switch (part.type) {
      case 'message':
        return close();
      case 'reset': {
        const id = idIn(run, part.message);
        const events = [...close(), ...closeCalls()];
        const at = told.findIndex((message) => message.id === id);
        if (at < 0) return events;
        const [dropped] = told.splice(at, 1);
        for (const call of (dropped as AssistantMessage).toolCalls ?? []) toldCalls.delete(call.id);
        return [...events, { type: 'MESSAGES_SNAPSHOT', messages: [...input.messages, ...told] }];
      }
      case 'text':
        return text(part.message, part.delta);
      case 'reasoning':
        return reasoning(part.message, part.delta);
      case 'tool.input':
        return toolInput(part.message, part.toolCall, part.tool, part.delta);
      case 'tool.asked': {
        const { message, toolCall, tool } = part;
        const events = toldCalls.has(toolCall)
          ? []
          : toolInput(message, toolCall, tool, JSON.stringify(part.arguments));
        return openCalls.delete(toolCall) ? [...events, { type: 'TOOL_CALL_END', toolCallId: toolCall }] : events;
      }
      case 'spent':
        if (known.has(idIn(run, part.message))) return [];
        costUsd = costUsd === null || part.costUsd === null ? null : costUsd + part.costUsd;
        spent.set(part.model, summed(part.model, spent.get(part.model), part.usage));
        return close();
      case 'tool.done':
        return toolDone(part.toolCall, part.result, part.error);
      case 'sources':
        return [{ type: 'CUSTOM', name: 'sources', value: part.passages }];
      case 'end': {
        const { status, error } = part;
        if (status === 'completed') return finished({ outcome: { type: 'success' } });
        const message = error?.message ?? (status === 'failed' ? 'The run failed' : 'The run was stopped');
        const code = error?.type ?? (status === 'failed' ? 'Failed' : 'Cancelled');
        return [{ type: 'RUN_ERROR', message, code, usage: [...spent.values()] }];
      }
      default:
        return [];
    }
  }

  return {
    begin: () => [{ type: 'RUN_STARTED', threadId, runId, protocolVersion: '1.0' }],
    write,
    pause(awaits) {
      const interrupts = awaits.flatMap((awaited) => (awaited.kind === 'approval' ? [interruptOf(run, awaited)] : []));
      const pendingToolCallIds = awaits.flatMap((awaited) => (awaited.kind === 'result' ? [awaited.toolCall] : []));
      const outcome =
        interrupts.length > 0 ? { type: 'interrupt', interrupts } : { type: 'success', pendingToolCallIds };
      return finished({ outcome });
    },
  };
}

/** A question is answered with words, anything else with yes or no, and a tool with other arguments too. */
function interruptOf(
  run: string,
  { approval, toolCall, show, expiresAt }: Extract<Awaited, { kind: 'approval' }>,
): Interrupt {
  const { question, tool } = (show ?? {}) as { question?: unknown; tool?: string };
  const isTool = approval.endsWith('/approve');
  const properties = {
    approved: { type: 'boolean' },
    comment: { type: 'string' },
    ...(isTool && { editedArgs: { type: 'object', description: 'Instead of the tool’s arguments, all of them' } }),
  };
  return {
    id: idIn(run, approval),
    reason: isTool && toolCall !== undefined ? 'tool_call' : question === undefined ? 'confirmation' : 'input_required',
    message: typeof question === 'string' ? question : isTool ? `May ${tool} be used?` : JSON.stringify(show),
    ...(toolCall !== undefined && { toolCallId: toolCall }),
    responseSchema: { type: 'object', properties, required: ['approved'] },
    ...(expiresAt !== undefined && { expiresAt }),
    metadata: { cadenza: { run, approval, show } },
  };
}

function summed(model: string, before: TokenUsage | undefined, usage: Usage): TokenUsage {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage;
  const counts = {
    inputTokens,
    outputTokens,
    cachedInputTokens,
    cacheWriteInputTokens: cacheWriteTokens,
    reasoningTokens,
  };
  const sum: TokenUsage = before ?? { provider: providerOf(model), model: modelIdOf(model) };
  for (const [name, tokens] of Object.entries(counts) as [keyof typeof counts, number | undefined][]) {
    if (tokens !== undefined) sum[name] = (sum[name] ?? 0) + tokens;
  }
  return { ...sum, totalTokens: (sum.inputTokens ?? 0) + (sum.outputTokens ?? 0) };
}
