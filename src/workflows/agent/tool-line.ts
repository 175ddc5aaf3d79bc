import type { CallError, Message, ToolCallPart, ToolDone, UsedToolCall } from '../../contract/index.ts';

/** A tool call that is over: the line that tells the model, and what becomes of the agent. */
export interface Used {
  line: string | Message;
  tokens: number;
  call: UsedToolCall;
  approved?: string;
  handedTo?: string;
}

/** What the model reads of a call whose result is made here. */
export function said({ id, name }: ToolCallPart, step: string, content: string, error?: CallError): Used {
  const result = { type: 'toolResult' as const, id, name, content, ...(error && { isError: true }) };
  return {
    line: { role: 'tool', content: [result] },
    tokens: Math.ceil(content.length / 4),
    call: { id, tool: name, step, ...(error && { error: error.type }) },
  };
}

export function failed(asked: ToolCallPart, step: string, error: CallError): Used {
  return said(asked, step, `${error.type}: ${error.message}`, error);
}

/** What the agent's result says of a call. */
export function usedOf({ id, name }: ToolCallPart, step: string, { error, interrupted }: ToolDone): UsedToolCall {
  return { id, tool: name, step, ...(error && { error: error.type }), ...(interrupted && { interrupted }) };
}
