import {
  type ChainStep,
  type ChainStepResult,
  isReference,
  MOST_ITEMS,
  onlyReference,
  parseTemplate,
  type Reference,
} from '../../contract/index.ts';
import { failure } from '../failures.ts';

/** What the templates of a step are filled in from. */
export interface Scope {
  input: unknown;
  /** what steps gave so far; one that was skipped is not there */
  results: Map<string, ChainStepResult>;
  item?: unknown;
  /** of `item`, from 0 */
  index?: number;
  /** what the round before gave: one step's result, or a group's by their ids */
  previous?: unknown;
  /** from 1 */
  round?: number;
}

/**
 * A value with its templates filled in. A text that is one reference and nothing else becomes the value itself; in other
 * texts lists and objects stand as JSON, and what is not there as nothing.
 */
export function fillIn(value: unknown, scope: Scope): unknown {
  if (typeof value === 'string') {
    const parts = partsOf(value);
    const only = onlyReference(parts);
    return only ? lookUp(only, scope) : textOf(parts, scope);
  }
  if (Array.isArray(value)) return value.map((item) => fillIn(item, scope));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, fillIn(field, scope)]));
}

/** The same, always as text. */
export function fillInText(template: string, scope: Scope): string {
  return textOf(partsOf(template), scope);
}

/** The items a step goes over; those of a step that was skipped are none. @throws InvalidRequest for what is no list */
export function itemsFor({ id, forEach }: ChainStep, scope: Scope): unknown[] {
  const items = fillIn(forEach, scope) ?? [];
  if (!Array.isArray(items)) {
    const message = `Step "${id}" goes over ${forEach}, which is no list: ${asText(items).slice(0, 80)}`;
    throw failure({ type: 'InvalidRequest', message, step: id });
  }
  if (items.length <= MOST_ITEMS) return items;
  const message = `Step "${id}" goes over ${items.length} items; a chain takes ${MOST_ITEMS} at most. Use the pattern map`;
  throw failure({ type: 'InvalidRequest', message, step: id });
}

/** A value as it stands in a prompt. */
export function asText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function textOf(parts: (string | Reference)[], scope: Scope): string {
  return parts.map((part) => (isReference(part) ? asText(lookUp(part, scope)) : part)).join('');
}

/** What a reference leads to; null if nothing is there. The text of a step that was skipped is empty. */
function lookUp({ path: [root, ...rest] }: Reference, scope: Scope): unknown {
  if (root !== 'steps') return fieldAt(scope[root as keyof Scope], rest);
  const [id, ...fields] = rest;
  const result = scope.results.get(id!);
  return result === undefined && fields[0] === 'text' ? '' : fieldAt(result, fields);
}

function fieldAt(value: unknown, [key, ...rest]: string[]): unknown {
  if (value === undefined || value === null) return null;
  if (key === undefined) return value;
  const there = typeof value === 'object' && Object.hasOwn(value, key);
  return there ? fieldAt((value as Record<string, unknown>)[key], rest) : null;
}

function partsOf(template: string): (string | Reference)[] {
  const parsed = parseTemplate(template);
  if ('parts' in parsed) return parsed.parts;
  throw failure({ type: 'InvalidRequest', message: parsed.problem });
}
