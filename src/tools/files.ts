import { z } from 'zod';
import { defineTool, type RunFiles, ToolFailure } from './tool.ts';

/** Characters that are read at once, if not said otherwise. */
const PIECE = 15_000;

const Input = z.strictObject({
  action: z.enum(['list', 'read', 'write']),
  name: z.string().min(1).max(200).optional().describe('of the file; for read and write'),
  content: z.string().max(5_000_000).optional().describe('for write: the whole text, which replaces what was there'),
  offset: z.number().int().nonnegative().optional().describe('for read: the first character, from 0'),
  length: z
    .number()
    .int()
    .positive()
    .max(100_000)
    .optional()
    .describe(`for read: characters, at most ${PIECE} if left out`),
});

/** The files of a run: what its tools and people put there, and results too long to be shown whole. */
export const files = defineTool({
  name: 'files',
  description:
    'The files of this run: yours, those you were given, and results too long to be shown whole. list: all of them, with ' +
    'their sizes in bytes. read: a piece of a text file. write: makes or replaces a text file.',
  input: Input,
  replay: 'safe',
  telling: 'name',
  outside: 'a file',
  async run({ action, name, content, offset = 0, length = PIECE }, context) {
    if (action === 'list') return context.files.list();
    if (name === undefined) throw wrong(`${action} needs the name of a file`);
    if (action === 'read') return piece(context.files, name, offset, length);
    if (content === undefined) throw wrong('write needs content');
    const { size } = await context.files.write(name, content);
    return `Written: ${name}, ${size} bytes`;
  },
});

async function piece(kept: RunFiles, name: string, offset: number, length: number): Promise<string> {
  const bytes = await kept.read(name);
  if (bytes === undefined) {
    const names = (await kept.list()).map((file) => file.name);
    throw wrong(`There is no file "${name}"${names.length > 0 ? `, only: ${names.slice(0, 50).join(', ')}` : ''}`);
  }
  const text = textOf(bytes);
  if (text === undefined) throw wrong(`${name} is no text: ${bytes.length} bytes. Programs can read it (readBytes)`);
  const end = offset + length;
  const shown = text.slice(offset, end);
  if (offset === 0 && end >= text.length) return shown;
  return `${shown}\n\n[Characters ${offset} to ${Math.min(end, text.length)} of ${text.length}]`;
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function wrong(message: string): ToolFailure {
  return new ToolFailure({ type: 'InvalidRequest', message });
}
