import type { Message as AgUiMessage, ContentPart, RunAgentInput } from '@ag-ui/core';
import { type CadenzaError, refusal } from '../../client/errors.ts';
import {
  type AgentInput,
  type Message,
  type Part,
  RunId,
  ToolName,
  type ToolResultInput,
} from '../../contract/index.ts';

/** Message ids and interrupts tell the run they are of: `<run>#<what of it>`. */
export function idIn(run: string, what: string): string {
  return `${run}#${what}`;
}

export function placeOf(id: string): { run: string; what: string } | undefined {
  const at = id.indexOf('#');
  const run = RunId.safeParse(id.slice(0, Math.max(at, 0)));
  return run.success ? { run: run.data, what: id.slice(at + 1) } : undefined;
}

/** The run whose words a client has heard last, and what it gives to tools of that run. */
export interface Earlier {
  run: string;
  results: { toolCall: string; given: ToolResultInput }[];
}

export function earlierRun({ messages }: RunAgentInput): Earlier | undefined {
  const at = messages.findLastIndex(({ role }) => role === 'assistant');
  const place = placeOf(messages[at]?.id ?? '');
  if (!place) return undefined;
  const results = messages.slice(at + 1).flatMap((message) => {
    if (message.role !== 'tool') return [];
    const given =
      message.error === undefined ? { result: textOf(message.content) } : { error: message.error || 'It failed' };
    return [{ toolCall: message.toolCallId, given }];
  });
  return { run: place.run, results };
}

/** What an agent is given to work on. @throws CadenzaError InvalidRequest for what no agent is given */
export function workOf({ messages, tools, context }: RunAgentInput): Pick<AgentInput, 'messages' | 'tools'> {
  const about = context.map(({ description, value }) => `${description}: ${value}`).join('\n');
  const said = messages.flatMap((message, nth) => agentMessages(message, messages.slice(nth + 1)));
  if (said.length === 0) throw refusal('InvalidRequest', 'There is no message to answer', { path: 'messages' });
  const asked: Message[] =
    about === '' ? said : [{ role: 'system', content: `Known of the user’s side:\n${about}` }, ...said];
  const own = tools.map(({ name, description, parameters }, nth) => {
    if (!ToolName.safeParse(name).success)
      throw refusal('InvalidRequest', `A tool is not named "${name}"`, {
        path: `tools[${nth}].name`,
        hint: 'Letters, digits, _ and -',
      });
    return { name, description, parameters: (parameters ?? {}) as Record<string, unknown> };
  });
  return { messages: asked, ...(own.length > 0 && { tools: own }) };
}

/** @param after what was said after it */
function agentMessages(message: AgUiMessage, after: AgUiMessage[]): Message[] {
  switch (message.role) {
    case 'system':
    case 'developer':
      return message.content === '' ? [] : [{ role: 'system', content: message.content }];
    case 'user': {
      const content = partsOf(message.content);
      return content.length === 0 ? [] : [{ role: 'user', content }];
    }
    case 'assistant': {
      const text = message.content ? [{ type: 'text' as const, text: message.content }] : [];
      const calls = (message.toolCalls ?? []).map(({ id, function: { name, arguments: args } }) => ({
        call: { type: 'toolCall' as const, id, name, arguments: argumentsOf(args) },
        result: resultOf(id, name, after),
      }));
      const content: Part[] = [...text, ...calls.map(({ call }) => call)];
      if (content.length === 0) return [];
      const results = calls.map(({ result }) => result);
      return [
        { role: 'assistant', content },
        ...(results.length > 0 ? [{ role: 'tool' as const, content: results }] : []),
      ];
    }
    // A result stands with its call; thoughts and activities are told to no model.
    default:
      return [];
  }
}

function resultOf(id: string, name: string, after: AgUiMessage[]): Part {
  const found = after.find((message) => message.role === 'tool' && message.toolCallId === id);
  if (found?.role !== 'tool')
    return { type: 'toolResult', id, name, content: 'Nobody waited for a result', isError: true };
  const content = textOf(found.content);
  return found.error === undefined
    ? { type: 'toolResult', id, name, content }
    : { type: 'toolResult', id, name, content: found.error || content, isError: true };
}

function argumentsOf(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json || '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function textOf(content: string | ContentPart[]): string {
  return typeof content === 'string'
    ? content
    : content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
type Image = (typeof IMAGES)[number];

function partsOf(content: string | ContentPart[]): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return content.map((part): Part => {
    if (part.type === 'text') return { type: 'text', text: part.text };
    if ((part.type !== 'image' && part.type !== 'document') || part.source.type === 'file') throw noSuchPart(part);
    const { source } = part;
    const place = source.type === 'data' ? { data: source.value } : { url: source.value };
    const mediaType = source.mimeType;
    if (part.type === 'document') return { type: 'file', mediaType: mediaType ?? 'application/octet-stream', ...place };
    if (mediaType !== undefined && !IMAGES.includes(mediaType as Image)) throw noSuchPart(part);
    return { type: 'image', ...(mediaType && { mediaType: mediaType as Image }), ...place };
  });
}

function noSuchPart({ type }: ContentPart): CadenzaError {
  const hint = 'Agents take text, images (PNG, JPEG, GIF, WebP) and documents, as data or by address';
  return refusal('InvalidRequest', `An agent cannot be given this ${type}`, { path: 'messages', hint });
}
