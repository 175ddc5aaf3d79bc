import { suggestion } from '../nearest-names.ts';
import type { ChainProblem } from './chain-form.ts';
import { fieldOf, type Shape, typeOf } from './chain-shape.ts';
import { isReference, onlyReference, parseTemplate, type Reference, TEMPLATE_HINT, textsIn } from './template.ts';

/** What a template at one place of a chain may refer to. */
export interface Known {
  /** undefined: the chain is given none */
  input: Shape | undefined;
  /** of the steps that have run by then */
  steps: ReadonlyMap<string, Shape>;
  /** inside `forEach` */
  item?: Shape;
  /** inside `repeat`: what the round before gave */
  previous?: Shape;
  /** why the chain's other steps cannot be referred to */
  reasonAgainst(id: string): string;
}

/** What is wrong with the templates in a value. */
export function templateProblems(value: unknown, path: PropertyKey[], title: string, known: Known): ChainProblem[] {
  return [...textsIn(value, path)].flatMap(([at, text]) => {
    const parsed = parseTemplate(text);
    if ('problem' in parsed) return [{ path: at, message: `${title}: ${parsed.problem}. ${TEMPLATE_HINT}` }];
    return parsed.parts.filter(isReference).flatMap((reference) => {
      const found = resolve(reference, known);
      return 'problem' in found
        ? [{ path: at, message: `${title} uses {{${reference.text}}}, but ${found.problem}` }]
        : [];
    });
  });
}

/** The shape of the list that `forEach` names, and of its items. */
export function listOf(text: string, known: Known): { shape: Shape } | { problem: string } {
  const parsed = parseTemplate(text);
  if ('problem' in parsed) return { problem: `${parsed.problem}. ${TEMPLATE_HINT}` };
  const reference = onlyReference(parsed.parts);
  if (!reference) return { problem: `forEach is one reference to a list, such as {{input.items}}, and nothing else` };
  const found = resolve(reference, known);
  if ('problem' in found) return { problem: `forEach names {{${reference.text}}}, but ${found.problem}` };
  const type = typeOf(found.shape);
  if (type === undefined || type === 'array') return found;
  return { problem: `forEach needs a list, and {{${reference.text}}} is ${typeName(type)}` };
}

function resolve({ path }: Reference, known: Known): { shape: Shape } | { problem: string } {
  const [root, ...rest] = path as [string, ...string[]];
  switch (root) {
    case 'input':
      if (known.input === undefined) return { problem: 'the chain is given no input' };
      return walk(known.input, rest, 'input');
    case 'steps':
      return ofStep(rest, known);
    case 'item':
      return known.item === undefined
        ? { problem: 'there is an item only in a step with forEach' }
        : walk(known.item, rest, 'item');
    case 'previous':
      if (known.previous === undefined) return { problem: 'there is a round before only in repeat' };
      return rest.length === 0
        ? { problem: 'it needs a field, such as {{previous.text}}' }
        : walk(known.previous, rest, 'previous');
    case 'index':
    case 'round': {
      const there = root === 'index' ? known.item : known.previous;
      if (there === undefined)
        return {
          problem: `there is ${root === 'index' ? 'an index only in a step with forEach' : 'a round only in repeat'}`,
        };
      return walk({ type: 'number' }, rest, root);
    }
    default:
      return {
        problem: `nothing is called "${root}".${suggestion(root, ['input', 'steps', 'item', 'index', 'previous', 'round'])}`,
      };
  }
}

function ofStep([id, ...rest]: string[], known: Known): { shape: Shape } | { problem: string } {
  if (id === undefined) return { problem: 'it names no step. Write {{steps.id.text}}' };
  const shape = known.steps.get(id);
  if (shape === undefined) return { problem: `${known.reasonAgainst(id)}${hintOfLoop(id, known)}` };
  if (rest.length === 0) return { problem: `it needs a field, such as {{steps.${id}.text}}` };
  const properties = shape.properties as Record<string, unknown>;
  if (rest[0] === 'object' && 'model' in properties && !('object' in properties)) {
    return { problem: `step "${id}" has no schema, so it gives text and no object` };
  }
  return walk(shape, rest, `steps.${id}`);
}

function hintOfLoop(id: string, { previous }: Known): string {
  const ids = (previous?.properties ?? {}) as Record<string, unknown>;
  return Object.hasOwn(ids, id) ? `. What it gave in the round before is {{previous.${id}.text}}` : '';
}

function walk(shape: Shape, path: string[], name: string): { shape: Shape } | { problem: string } {
  const [key, ...rest] = path;
  if (key === undefined) return { shape };
  const found = fieldOf(shape, key);
  if ('shape' in found) return walk(found.shape, rest, `${name}.${key}`);
  if (found.known === undefined) return { problem: `${name} is ${typeName(typeOf(shape)!)} and has no field "${key}"` };
  return { problem: `there is no "${key}" in ${name}.${suggestion(key, found.known)}` };
}

function typeName(type: string): string {
  const names: Record<string, string> = {
    string: 'a text',
    boolean: 'true or false',
    array: 'a list',
    object: 'an object',
  };
  return names[type] ?? 'a number';
}
