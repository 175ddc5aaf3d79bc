import type { FinishReason, UIMessageChunk } from 'ai';
import type { Usage } from '../contract/index.ts';
import { type Awaited, awaitedId, type Part } from '../dialogue/parts.ts';
import { FINISH_REASONS } from './finish-reasons.ts';

/** What a message of a chat says of its run, as `message.metadata.cadenza`. */
export interface CadenzaMetadata {
  /** the run that answers */
  run: string;
  /** of a conversation: the message it answers */
  message?: string;
  /** the event the message is told up to */
  seq: number;
  /** what the run waits for: ids of approvals and tool calls */
  awaits: string[];
  usage?: Usage;
  /** USD so far; null where a price is not known */
  costUsd?: number | null;
}

/** How parts become chunks of a message, one after the other. */
export interface ChunkWriter {
  write(part: Part): UIMessageChunk[];
  /** says what the run waits for, where it does: it may be answered before the message ends */
  asking(seq: number): UIMessageChunk[];
  /** the message ends here for now: the run waits for whoever reads it */
  pause(awaits: Awaited[], seq: number): UIMessageChunk[];
}

/** Messages of `useChat` out of the parts of a run: each message of a model is a step of the one message the run is. */
export function chunkWriter(about: Pick<CadenzaMetadata, 'run' | 'message'>): ChunkWriter {
  const tools = new Map<
    string,
    { name: string; input?: unknown; told: 'nothing' | 'input' | 'all'; asksFor?: string }
  >();
  let open: { type: 'text' | 'reasoning'; id: string } | undefined;
  let pieces = 0;
  let steps = 0;
  let finishReason: FinishReason = 'other';
  let usage: Usage = { inputTokens: 0, outputTokens: 0 };
  let costUsd: number | null = 0;
  const sources = new Set<string>();
  const asked = new Set<string>();

  function close(): UIMessageChunk[] {
    const ended: UIMessageChunk[] = open ? [{ type: `${open.type}-end`, id: open.id }] : [];
    open = undefined;
    return ended;
  }

  function words(type: 'text' | 'reasoning', delta: string): UIMessageChunk[] {
    const before = open?.type === type ? [] : close();
    if (!open) {
      pieces += 1;
      open = { type, id: `${type}-${pieces}` };
      before.push({ type: `${type}-start`, id: open.id });
    }
    return [...before, { type: `${type}-delta`, id: open.id, delta }];
  }

  function toolOf(toolCall: string, name: string) {
    const tool = tools.get(toolCall) ?? { name, told: 'nothing' as const };
    tools.set(toolCall, tool);
    return tool;
  }

  function toolInput(toolCallId: string, toolName: string, inputTextDelta: string): UIMessageChunk[] {
    const tool = toolOf(toolCallId, toolName);
    const begin: UIMessageChunk[] =
      tool.told === 'nothing' ? [...close(), { type: 'tool-input-start', toolCallId, toolName }] : [];
    tool.told = 'input';
    return [...begin, { type: 'tool-input-delta', toolCallId, inputTextDelta }];
  }

  /** The arguments, whole. Tools that the gateway's side runs are `providerExecuted`: no client is asked for their results. */
  function toolReady(toolCallId: string, toolName: string, input: unknown, isOurs: boolean): UIMessageChunk[] {
    toolOf(toolCallId, toolName).told = 'all';
    const ready: UIMessageChunk = { type: 'tool-input-available', toolCallId, toolName, input };
    return [...close(), isOurs ? { ...ready, providerExecuted: true } : ready];
  }

  function metadata(seq: number, awaits: string[]): { cadenza: CadenzaMetadata } {
    return { cadenza: { ...about, seq, awaits, usage, costUsd } };
  }

  function write(part: Part): UIMessageChunk[] {
    switch (part.type) {
      case 'message':
        steps += 1;
        return [...close(), ...(steps > 1 ? [{ type: 'finish-step' } as const] : []), { type: 'start-step' }];
      case 'reset':
        open = undefined;
        for (const [id, { told }] of tools) if (told === 'input') tools.delete(id);
        return [{ type: 'reset-step' }];
      case 'text':
      case 'reasoning':
        return words(part.type, part.delta);
      case 'tool.input':
        return toolInput(part.toolCall, part.tool, part.delta);
      case 'tool.asked': {
        const tool = toolOf(part.toolCall, part.tool);
        tool.input = part.arguments;
        return tool.told === 'nothing' ? toolInput(part.toolCall, part.tool, JSON.stringify(part.arguments)) : [];
      }
      case 'spent':
        usage = summed(usage, part.usage);
        costUsd = costUsd === null || part.costUsd === null ? null : costUsd + part.costUsd;
        finishReason = FINISH_REASONS[part.finishReason];
        return close();
      case 'tool.started':
        if (part.by === 'client') asked.add(part.toolCall);
        return toolReady(part.toolCall, part.tool, part.arguments, part.by !== 'client');
      case 'approval.asked': {
        const { approval: approvalId, toolCall: toolCallId, show, expiresAt } = part.awaited;
        asked.add(approvalId);
        if (toolCallId === undefined) {
          return [
            ...close(),
            { type: 'data-approval', id: approvalId, data: { approval: approvalId, show, expiresAt } },
          ];
        }
        const { tool = '', arguments: input } = show as { tool?: string; arguments?: unknown };
        const known = toolOf(toolCallId, tool);
        known.asksFor = approvalId;
        const ready = known.told === 'all' ? [] : toolReady(toolCallId, known.name, input, true);
        return [...ready, { type: 'tool-approval-request', approvalId, toolCallId }];
      }
      case 'approval.answered': {
        asked.delete(part.approval);
        if (part.toolCall === undefined) return [];
        const { approval: approvalId, approved, comment } = part;
        return [{ type: 'tool-approval-response', approvalId, approved, ...(comment && { reason: comment }) }];
      }
      case 'tool.done': {
        const { toolCall: toolCallId, tool, result, error } = part;
        asked.delete(toolCallId);
        const { told, asksFor, input = {} } = toolOf(toolCallId, tool);
        const ready = told === 'all' ? [] : toolReady(toolCallId, tool, input, true);
        if (!error) return [...ready, { type: 'tool-output-available', toolCallId, output: outputOf(result ?? '') }];
        if (error.type === 'ToolDenied' && asksFor) return [...ready, { type: 'tool-output-denied', toolCallId }];
        return [...ready, { type: 'tool-output-error', toolCallId, errorText: error.message }];
      }
      case 'sources':
        return part.passages.flatMap(({ source, heading }) => {
          if (sources.has(source)) return [];
          sources.add(source);
          const sourceId = `source-${sources.size}`;
          return /^https?:/.test(source)
            ? { type: 'source-url', sourceId, url: source, title: heading ?? source }
            : { type: 'source-document', sourceId, mediaType: 'text/plain', title: source, filename: source };
        });
      case 'end': {
        const { seq, status, error } = part;
        asked.clear();
        const said: UIMessageChunk[] = [...close(), { type: 'message-metadata', messageMetadata: metadata(seq, []) }];
        if (status === 'failed') return [...said, { type: 'error', errorText: error?.message ?? 'The run failed' }];
        if (status === 'cancelled')
          return [...said, { type: 'abort', reason: error?.message ?? 'The run was stopped' }];
        return [...said, ...(steps > 0 ? [{ type: 'finish-step' } as const] : []), { type: 'finish', finishReason }];
      }
    }
  }

  return {
    write,
    asking: (seq) => (asked.size > 0 ? [{ type: 'message-metadata', messageMetadata: metadata(seq, [...asked]) }] : []),
    pause: (awaits, seq) => [
      ...close(),
      { type: 'finish-step' },
      { type: 'finish', finishReason: 'tool-calls', messageMetadata: metadata(seq, awaits.map(awaitedId)) },
    ],
  };
}

function summed(one: Usage, other: Usage): Usage {
  const sum = { ...one };
  for (const [name, tokens] of Object.entries(other) as [keyof Usage, number][]) sum[name] = (sum[name] ?? 0) + tokens;
  return sum;
}

/** A tool's result is text; one that is JSON is shown as what it says. */
function outputOf(result: string): unknown {
  if (!/^\s*[[{]/.test(result)) return result;
  try {
    return JSON.parse(result);
  } catch {
    return result;
  }
}
