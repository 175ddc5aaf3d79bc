import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Document } from 'yaml';
import type { CrewInput } from '../../contract/index.ts';
import { refusal } from '../errors.ts';
import { agentFields, type LeftOut, taskFields } from './fields.ts';

/** A CrewAI project as a crew's input, but for what its Python code says. */
export interface CrewProject {
  crew: Pick<CrewInput, 'agents' | 'tasks'>;
  /** fields that have no meaning here */
  leftOut: LeftOut[];
  /** by task: the file CrewAI writes its answer to */
  outputFiles: Record<string, string>;
}

/** Loaded with the first project. */
const load = createRequire(import.meta.url);
const yaml = (): typeof import('yaml') => load('yaml');

/** Where the two files lie: a folder of their own, a crew's, or a whole Python project's. */
const PLACES = ['.', 'config', 'src/*/config'];

/**
 * Reads `agents.yaml` and `tasks.yaml` of a CrewAI project, as they are. What is wrong with the crew itself, a task for an
 * absent agent for example, is said when it is started.
 * @param folder the project, or the folder that holds the files
 * @throws CadenzaError InvalidRequest where they are missing, or are no YAML
 */
export function readCrewProject(folder: string): CrewProject {
  const home = homeOf(folder);
  const leftOut = new Map<string, LeftOut>();
  const leaveOut = (file: LeftOut['file'], of: string) => (field: string) => {
    const known = leftOut.get(`${file}.${field}`) ?? { file, field, of: [] };
    leftOut.set(`${file}.${field}`, { ...known, of: [...known.of, of] });
  };
  const outputFiles: Record<string, string> = {};
  const agents = itemsIn(home, 'agents').map(([name, item]) => [name, agentFields(item, leaveOut('agents', name))]);
  const tasks = itemsIn(home, 'tasks').map(([name, { output_file: file, ...item }]) => {
    if (typeof file === 'string') outputFiles[name] = file;
    return [name, taskFields(item, leaveOut('tasks', name))];
  });
  const crew = { agents: Object.fromEntries(agents), tasks: Object.fromEntries(tasks) } as CrewProject['crew'];
  return { crew, leftOut: [...leftOut.values()], outputFiles };
}

function homeOf(folder: string): string {
  const found = PLACES.flatMap((place) => globSync(`${place}/agents.{yaml,yml}`, { cwd: folder })).map((file) =>
    path.join(folder, path.dirname(file)),
  );
  const homes = [...new Set(found)];
  if (homes.length === 1) return homes[0]!;
  const hint = `A crew is a folder with agents.yaml and tasks.yaml, looked for in ${PLACES.join(', ')}`;
  if (homes.length === 0)
    throw refusal('InvalidRequest', `There is no agents.yaml in "${folder}"`, { path: 'folder', hint });
  throw refusal('InvalidRequest', `There are several crews in "${folder}": ${homes.join(', ')}`, {
    path: 'folder',
    hint: 'Name one of them',
  });
}

function itemsIn(home: string, name: LeftOut['file']): [string, Record<string, unknown>][] {
  const [file] = globSync(`${name}.{yaml,yml}`, { cwd: home }).map((found) => path.join(home, found));
  if (file === undefined) throw refusal('InvalidRequest', `There is no ${name}.yaml in "${home}"`, { path: 'folder' });
  const document = yaml().parseDocument(readFileSync(file, 'utf8'));
  const [error] = document.errors;
  if (error) throw refusal('InvalidRequest', `${file}: ${error.message.replace(/:?\n[\s\S]*$/, '')}`, { path: name });
  return Object.entries(contentOf(document, file, name)).map(([key, item]) => {
    if (isObject(item)) return [key, item];
    throw refusal('InvalidRequest', `${file}: "${key}" is not an object with fields`, { path: `${name}.${key}` });
  });
}

function contentOf(document: Document, file: string, name: string): object {
  const content: unknown = document.toJS();
  if (isObject(content)) return content;
  throw refusal('InvalidRequest', `${file} holds no ${name} by their names`, { path: name });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
