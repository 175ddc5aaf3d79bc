import type { UIMessage } from 'ai';
import type { Message, Part } from '../contract/index.ts';

/** The messages of a chat as an agent is given them: what was said, and what tools were asked and gave. */
export function agentMessages(messages: UIMessage[]): Message[] {
  return messages.flatMap((message): Message[] => {
    const parts = message.parts.flatMap((part): Part[] => saidPart(part));
    if (message.role !== 'assistant') return parts.length > 0 ? [{ role: message.role, content: parts }] : [];
    return stepsOf(message.parts).flatMap(assistantStep);
  });
}

type UiPart = UIMessage['parts'][number];

function saidPart(part: UiPart): Part[] {
  if (part.type === 'text') return part.text === '' ? [] : [{ type: 'text', text: part.text }];
  if (part.type !== 'file') return [];
  const { mediaType, url } = part;
  if (!IMAGES.includes(mediaType as Image)) throw new TypeError(`${mediaType}: only images can be given to an agent`);
  const [, data] = /^data:[^,]*;base64,(.*)$/s.exec(url) ?? [];
  const image = { type: 'image' as const, mediaType: mediaType as Image };
  return [data === undefined ? { ...image, url } : { ...image, data }];
}

const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
type Image = (typeof IMAGES)[number];

/** What an assistant said is one message for each time a model was asked. */
function stepsOf(parts: UiPart[]): UiPart[][] {
  const steps: UiPart[][] = [[]];
  for (const part of parts) {
    if (part.type === 'step-start') steps.push([]);
    else steps.at(-1)!.push(part);
  }
  return steps;
}

/** A tool that has no result was not waited for: models take no call without one. */
function assistantStep(parts: UiPart[]): Message[] {
  const tools = parts.flatMap(toolPart);
  const content = [...parts.flatMap(saidPart), ...tools.map(({ call }) => call)];
  if (content.length === 0) return [];
  const results = tools.map(({ result }) => result);
  return [{ role: 'assistant', content }, ...(results.length > 0 ? [{ role: 'tool' as const, content: results }] : [])];
}

function toolPart(part: UiPart): { call: Part; result: Part }[] {
  if (!('toolCallId' in part)) return [];
  const name = part.type === 'dynamic-tool' ? part.toolName : part.type.slice('tool-'.length);
  const { toolCallId: id } = part;
  const args = typeof part.input === 'object' && part.input !== null ? (part.input as Record<string, unknown>) : {};
  const { content, isError } = resultOf(part);
  return [
    {
      call: { type: 'toolCall', id, name, arguments: args },
      result: { type: 'toolResult', id, name, content, ...(isError && { isError }) },
    },
  ];
}

function resultOf(part: Extract<UiPart, { toolCallId: string }>): { content: string; isError?: boolean } {
  switch (part.state) {
    case 'output-available':
      return { content: typeof part.output === 'string' ? part.output : JSON.stringify(part.output) };
    case 'output-error':
      return { content: part.errorText, isError: true };
    case 'output-denied':
      return { content: 'It was not allowed', isError: true };
    default:
      return { content: 'Nobody waited for a result', isError: true };
  }
}
