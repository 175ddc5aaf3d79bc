import type { ToolContext } from '../tool.ts';

interface Content {
  type: string;
  text?: string;
  data?: string;
  mimeType?: string;
  uri?: string;
  name?: string;
  description?: string;
  resource?: ResourceContent;
}

export interface ResourceContent {
  uri: string;
  mimeType?: string;
  text?: string;
  blob?: string;
}

/** What a tool answered, as the SDK and the Tasks extension both give it. */
export interface ToolAnswerContent {
  content?: unknown;
  structuredContent?: unknown;
  isError?: boolean;
}

/**
 * What a tool answered, for a model: structured content as it is, else its parts as text. Pictures, sounds and binary resources
 * become files of the run, and are named.
 */
export async function readable(answer: ToolAnswerContent, files: ToolContext['files']): Promise<unknown> {
  const parts = (answer.content ?? []) as Content[];
  // A server repeats structured content as text, for clients that do not know it.
  if (answer.structuredContent !== undefined && !answer.isError && parts.every(({ type }) => type === 'text')) {
    return answer.structuredContent;
  }
  const texts: string[] = [];
  for (const [index, part] of parts.entries()) texts.push(await partText(part, index, files));
  if (parts.length === 0) return answer.structuredContent ?? '(no result)';
  return texts.join('\n');
}

async function partText(part: Content, index: number, files: ToolContext['files']): Promise<string> {
  if (part.type === 'text') return part.text ?? '';
  if (part.type === 'resource' && part.resource) return resourceText(part.resource, files);
  if (part.type === 'resource_link') {
    const about = [part.name, part.mimeType, part.description].filter(Boolean).join(', ');
    return `[resource ${part.uri}${about ? `: ${about}` : ''}]`;
  }
  if (part.data === undefined) return `[${part.type}]`;
  return binary(`${part.type}-${index + 1}`, part.data, part.mimeType, files);
}

/** A resource for a model: its text, or the file of the run that it became. */
export async function resourceText(
  { uri, mimeType, text, blob = '' }: ResourceContent,
  files: ToolContext['files'],
): Promise<string> {
  return text === undefined ? binary(uri, blob, mimeType, files) : `[resource ${uri}]\n${text}`;
}

async function binary(
  name: string,
  base64: string,
  mediaType = 'application/octet-stream',
  files: ToolContext['files'],
) {
  const bytes = Buffer.from(base64, 'base64');
  const file = `mcp/${name.replace(/[^\w.-]+/g, '-').replace(/^-+|-+$/g, '')}-${Date.now()}`;
  await files.write(file, bytes, mediaType);
  return `[${mediaType}, ${bytes.length} bytes, kept as the run's file "${file}"]`;
}
