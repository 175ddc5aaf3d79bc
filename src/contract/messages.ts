import { z } from 'zod';
import { later } from './later.ts';

const TextPart = later(() => z.object({ type: z.literal('text'), text: z.string() }));

/** zod's own check asks `atob`, which there is none of where workflows run; one regex for all of it overflows on 16 MB. */
const Base64 = later(() => z.string().refine(isBase64, 'It is not base64: letters, digits, + and /, in fours'));

function isBase64(text: string): boolean {
  const end = text.endsWith('==') ? -2 : text.endsWith('=') ? -1 : text.length;
  return text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(text.slice(0, end));
}

/** An image, inline as base64 or by an address the provider can fetch. */
const ImagePart = later(() =>
  z
    .object({
      type: z.literal('image'),
      mediaType: z.enum(['image/png', 'image/jpeg', 'image/gif', 'image/webp']).optional(),
      data: Base64.optional(),
      url: z.url().optional(),
    })
    .refine((part) => (part.data === undefined) !== (part.url === undefined), 'An image has either data or url')
    .refine(
      (part) => part.data === undefined || part.mediaType !== undefined,
      'An image given as data needs its mediaType',
    ),
);

/** A document, inline as base64 or by an address the provider can fetch. */
const FilePart = later(() =>
  z
    .object({
      type: z.literal('file'),
      mediaType: z.string().regex(/^[\w.+-]+\/[\w.+-]+$/, 'A media type is written type/subtype'),
      name: z.string().optional(),
      data: Base64.optional(),
      url: z.url().optional(),
    })
    .refine((part) => (part.data === undefined) !== (part.url === undefined), 'A file has either data or url'),
);
export type FilePart = z.infer<typeof FilePart>;

/** A model asks for a tool. `signature` is the provider's own token, to be sent back as it came. */
export const ToolCallPart = later(() =>
  z.object({
    type: z.literal('toolCall'),
    id: z.string(),
    name: z.string(),
    arguments: z.record(z.string(), z.unknown()),
    signature: z.string().optional(),
  }),
);
export type ToolCallPart = z.infer<typeof ToolCallPart>;

const ToolResultPart = later(() =>
  z.object({
    type: z.literal('toolResult'),
    id: z.string(),
    name: z.string(),
    content: z.string(),
    isError: z.boolean().optional(),
  }),
);

/** A model's thinking, kept so that it can be sent back with its signature. */
const ReasoningPart = later(() =>
  z.object({ type: z.literal('reasoning'), text: z.string(), signature: z.string().optional() }),
);

export const Part = later(() =>
  z.discriminatedUnion('type', [TextPart, ImagePart, FilePart, ToolCallPart, ToolResultPart, ReasoningPart]),
);
export type Part = z.infer<typeof Part>;

export const Message = later(() =>
  z.strictObject({
    role: z.enum(['system', 'user', 'assistant', 'tool']),
    content: z.union([z.string(), z.array(Part).min(1)]),
  }),
);
export type Message = z.infer<typeof Message>;

/** The parts of a message, a plain string being one text part. */
export function partsOf(message: Message): Part[] {
  return typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
}

/** All text of a message, in order. */
export function textOf(message: Message): string {
  return partsOf(message)
    .map((part) => (part.type === 'text' ? part.text : part.type === 'toolResult' ? part.content : ''))
    .join('');
}
