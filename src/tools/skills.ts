import { readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { ToolSource } from './registry.ts';
import { defineTool, type Tool, ToolFailure } from './tool.ts';

/** What begins a SKILL.md: https://agentskills.io/specification */
const Frontmatter = z.object({ name: z.string().regex(/^[\w-]{1,50}$/), description: z.string().min(1) });

/** Files of a skill that are named beside its body. */
const LISTED_FILES = 100;
/** Characters of one file that are read at most. */
const LONGEST_FILE = 200_000;

/**
 * Skills: folders with a `SKILL.md` (name, description, body) and files beside it. Each is a tool `skill__<name>` that is
 * known to the model by its description, and gives its body when the model asks; asked with a `file`, that file.
 * @param folders that hold the skills' folders; one that is not there holds none
 */
export function skillTools(folders: string[]): ToolSource {
  let read: Promise<Tool[]> | undefined;
  return {
    prefix: 'skill__',
    isLocal: true,
    list: () => (read ??= Promise.all(folders.map(skillsIn)).then((lists) => lists.flat())),
  };
}

async function skillsIn(folder: string): Promise<Tool[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const tools = entries.filter((entry) => entry.isDirectory()).map((entry) => skillTool(path.join(folder, entry.name)));
  return (await Promise.all(tools)).filter((tool) => tool !== undefined);
}

async function skillTool(folder: string): Promise<Tool | undefined> {
  const file = path.join(folder, 'SKILL.md');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { name, description, body } = await parsed(text, file);
  return defineTool({
    name: `skill__${name}`,
    description: `Loads the skill "${name}": ${description}`,
    input: z.object({ file: z.string().optional().describe('a file of the skill; left out, its instructions') }),
    replay: 'safe',
    telling: 'file',
    run: async ({ file: wanted }) => (wanted === undefined ? `${body}${await listOf(folder)}` : fileOf(folder, wanted)),
  });
}

async function parsed(text: string, file: string): Promise<{ name: string; description: string; body: string }> {
  const [, head = '', body = ''] = /^---\r?\n([\s\S]*?)\r?\n---\r?\n?([\s\S]*)$/.exec(text) ?? [];
  const front = Frontmatter.safeParse(await yamlOf(head));
  if (front.success) return { ...front.data, body: body.trim() };
  const { path: field, message } = front.error.issues[0]!;
  throw new ToolFailure({
    type: 'InvalidRequest',
    message: `${file}: ${field.join('.') || 'its beginning'}: ${message}`,
    hint: 'A SKILL.md begins with ---, a name, a description, and ---',
  });
}

async function yamlOf(text: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

async function listOf(folder: string): Promise<string> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name !== 'SKILL.md')
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
  if (files.length === 0) return '';
  const more = files.length > LISTED_FILES ? `\n… and ${files.length - LISTED_FILES} more` : '';
  return `\n\nFiles of this skill:\n${files
    .slice(0, LISTED_FILES)
    .map((file) => `- ${file}`)
    .join('\n')}${more}`;
}

/** @throws ToolFailure for a file that is not one of the skill's own, also by a link that leads out of it */
async function fileOf(folder: string, file: string): Promise<string> {
  const root = await realpath(folder);
  const real = await realpath(path.resolve(root, file)).catch(() => undefined);
  if (real === undefined || !real.startsWith(root + path.sep)) {
    throw new ToolFailure({ type: 'ToolDenied', message: `The skill has no file "${file}"` });
  }
  return (await readFile(real, 'utf8')).slice(0, LONGEST_FILE);
}
