import { shortened } from '../well-formed.ts';

/** A place in what is known while a chain runs, as `{{steps.plan.object.items[0]}}` names it. */
export interface Reference {
  /** as it was written, without braces */
  text: string;
  /** `['steps', 'plan', 'object', 'items', '0']` */
  path: string[];
}

/** A text that was filled in before, `{{"as JSON writes it"}}`: it is a value, and never read as a template itself. */
export interface Quoted {
  quoted: string;
}

/** The parts of a template, in order: plain text, places whose value is put in, and what was put in already. */
export type Template = (string | Reference | Quoted)[];

/** An opening brace pair that a backslash turns into plain text, or one that opens a reference. */
const OPENING = /\\\{\{|\{\{/g;
const REFERENCE = /^[\p{L}_][\p{L}\p{N}_-]*(?:\.[\p{L}\p{N}_-]+|\[\d+\])*$/u;

/**
 * Reads a template. `{{ input.topic }}` is a reference, `\{{` a literal `{{`; a lone `}}` is plain text, since JSON in
 * prompts is full of them.
 * @returns its parts, or what is wrong with it
 */
export function parseTemplate(source: string): { parts: Template } | { problem: string } {
  const parts: Template = [];
  let plain = '';
  let at = 0;
  for (const opening of source.matchAll(OPENING)) {
    if (opening.index < at) continue;
    plain += source.slice(at, opening.index);
    at = opening.index + opening[0].length;
    if (opening[0].startsWith('\\')) {
      plain += '{{';
      continue;
    }
    const end = source.indexOf('}}', at);
    if (end === -1) return { problem: `"${shortened(source.slice(opening.index), 40)}" opens braces that never close` };
    const part = partBetween(source.slice(at, end).trim());
    if (!part) return { problem: `"${shortened(source.slice(opening.index, end + 2), 40)}" names no place` };
    if (plain) parts.push(plain);
    plain = '';
    parts.push(part);
    at = end + 2;
  }
  plain += source.slice(at);
  if (plain) parts.push(plain);
  return { parts };
}

function partBetween(text: string): Reference | Quoted | undefined {
  if (REFERENCE.test(text)) return { text, path: text.split(/[.[\]]+/).filter((key) => key !== '') };
  if (!text.startsWith('"')) return undefined;
  try {
    return { quoted: JSON.parse(text) as string };
  } catch {
    return undefined;
  }
}

/** A text that has braces to be read, or makes some together with what stands beside it. */
const MAY_BE_READ = /\{\{|^\{|[\\{]$/;

/** A value as it stands in a text that is read as a template once more. */
export function quoted(value: unknown): unknown {
  if (typeof value === 'string')
    return MAY_BE_READ.test(value) ? `{{${JSON.stringify(value).replaceAll('}', '\\u007d')}}}` : value;
  if (Array.isArray(value)) return value.map(quoted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, quoted(field)]));
}

/** Said after a template that cannot be read. */
export const TEMPLATE_HINT =
  'Write for example {{input.topic}} or {{steps.plan.text}}, and \\{{ for two literal braces';

/** The reference a template consists of, if it is nothing else: its value then keeps its type. */
export function onlyReference(parts: Template): Reference | undefined {
  const [only] = parts;
  return parts.length === 1 && only !== undefined && isReference(only) ? only : undefined;
}

export function isReference(part: Template[number]): part is Reference {
  return typeof part === 'object' && 'path' in part;
}

/** What a reference leads to; undefined if nothing is there. */
export type LookUp = (reference: Reference) => unknown;

/**
 * A value with its templates filled in. A text that is one reference and nothing else becomes the value itself; in other
 * texts lists and objects stand as JSON, and what is not there as nothing. A template that cannot be read, which the
 * checks before do not let pass, stays as it is.
 */
export function fillIn(value: unknown, lookUp: LookUp): unknown {
  return filled(value, lookUp, (found) => found);
}

/** The same, for texts that are read as templates once more: what is filled in now stays a value then. */
export function fillInQuoted(value: unknown, lookUp: LookUp): unknown {
  return filled(value, lookUp, quoted);
}

/** The same, always as text. */
export function fillInText(template: string, lookUp: LookUp): string {
  return asText(joined(templateParts(template), lookUp, asText));
}

/** @param put a value, as it is to stand where it was referred to */
function filled(value: unknown, lookUp: LookUp, put: (found: unknown) => unknown): unknown {
  if (typeof value === 'string') return joined(templateParts(value), lookUp, put);
  if (Array.isArray(value)) return value.map((item) => filled(item, lookUp, put));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, filled(field, lookUp, put)]));
}

/** A template's parts as one text, or as the value it consists of. */
export function joined(
  parts: Template,
  lookUp: LookUp,
  put: (found: unknown, part: Reference | Quoted) => unknown,
): unknown {
  const only = onlyReference(parts);
  if (only) return put(lookUp(only), only);
  return parts
    .map((part) => {
      if (typeof part === 'string') return part;
      return put(isReference(part) ? asText(lookUp(part)) : part.quoted, part);
    })
    .join('');
}

/** A template's parts; of one that cannot be read, itself. */
export function templateParts(template: string): Template {
  const parsed = parseTemplate(template);
  return 'parts' in parsed ? parsed.parts : [template];
}

/** A value as it stands in a text. */
export function asText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The text of a pattern's result: its own, its final or merged or best answer's, else all of it as JSON. */
export function textOfResult(result: unknown): string {
  const { text, final, merged, best, output } = (result ?? {}) as Record<string, unknown>;
  const answers = [final, merged, best].map((answer) => (answer as { text?: unknown } | undefined)?.text);
  return asText([text, ...answers, output].find((found) => found !== undefined) ?? result);
}

/** What a path leads to in a value; undefined if nothing is there. */
export function valueAt(value: unknown, [key, ...rest]: string[]): unknown {
  if (key === undefined) return value;
  const there = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
  return there ? valueAt((value as Record<string, unknown>)[key], rest) : undefined;
}

/** Every text in a value, with the path to it. */
export function* textsIn(value: unknown, path: PropertyKey[] = []): Generator<[path: PropertyKey[], text: string]> {
  if (typeof value === 'string') yield [path, value];
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* textsIn(item, [...path, index]);
  else if (value !== null && typeof value === 'object')
    for (const [key, field] of Object.entries(value)) yield* textsIn(field, [...path, key]);
}

/** True if a text may hold references. */
export function hasTemplate(value: unknown): boolean {
  return typeof value === 'string' && value.includes('{{');
}
