import { type Message, type ModelRequest, textOf } from '../contract/index.ts';

/** Everything said to the model as its system, in order; undefined if nothing is. */
export function systemText(request: ModelRequest): string | undefined {
  const texts = request.messages.filter((message) => message.role === 'system').map(textOf);
  return [request.system, ...texts].filter(Boolean).join('\n\n') || undefined;
}

/** The conversation without its system messages. */
export function turnsOf(request: ModelRequest): Message[] {
  return request.messages.filter((message) => message.role !== 'system');
}

/** What is inline as a data URL. */
export function dataUrl({ mediaType, data }: { mediaType?: string; data?: string }): string {
  return `data:${mediaType};base64,${data}`;
}

/** OpenAI's wires know what kind of file it is by its name. */
export function fileName({ name, mediaType }: { name?: string; mediaType: string }): string {
  return name ?? `file.${mediaType.split('/')[1]!.replace('plain', 'txt')}`;
}

/** The address of an image as OpenAI's wires take it, inline ones as a data URL. */
export function imageUrl(part: { mediaType?: string; data?: string; url?: string }): string {
  return part.url ?? dataUrl(part);
}
