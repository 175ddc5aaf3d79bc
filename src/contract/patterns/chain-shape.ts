import type { JsonSchema } from '../models.ts';
import { hasTemplate } from './template.ts';

/** What is known of a value before it is there, as a JSON schema; `{}` if nothing is. */
export type Shape = JsonSchema;

export const UNKNOWN: Shape = {};

/** A shape's field, or the names it could have been. An undefined list of names: the value has no fields at all. */
export function fieldOf(shape: Shape, key: string): { shape: Shape } | { known: string[] | undefined } {
  const type = typeOf(shape);
  if (type === 'array') return /^\d+$/.test(key) ? { shape: itemsOf(shape) } : { known: undefined };
  if (type === undefined) return { shape: UNKNOWN };
  if (type !== 'object') return { known: undefined };
  const properties = (shape.properties ?? {}) as Record<string, Shape>;
  if (Object.hasOwn(properties, key)) return { shape: properties[key]! };
  const { additionalProperties: more, patternProperties } = shape;
  const open = more === true || (typeof more === 'object' && more !== null) || patternProperties !== undefined;
  if (open || shape.properties === undefined) return { shape: typeof more === 'object' ? (more as Shape) : UNKNOWN };
  return { known: Object.keys(properties) };
}

export function itemsOf(shape: Shape): Shape {
  const { items } = shape;
  return typeof items === 'object' && items !== null && !Array.isArray(items) ? (items as Shape) : UNKNOWN;
}

/** The one type a value of this shape has, if the schema says so plainly. */
export function typeOf(shape: Shape): string | undefined {
  if (['$ref', 'anyOf', 'oneOf', 'allOf', 'not', 'if'].some((key) => key in shape)) return undefined;
  const types = (Array.isArray(shape.type) ? shape.type : [shape.type]).filter((type) => type !== 'null');
  if (types.length === 1 && typeof types[0] === 'string') return types[0];
  return types.length === 0 || shape.properties === undefined ? undefined : 'object';
}

/**
 * The shape of a value that is there already.
 * @param templates true if texts with braces in them are yet to be filled in, and may then be anything
 */
export function shapeOfValue(value: unknown, templates = false): Shape {
  if (value === undefined || value === null) return UNKNOWN;
  if (Array.isArray(value)) {
    const items = value.map((item) => shapeOfValue(item, templates));
    return { type: 'array', items: items.length === 0 ? UNKNOWN : items.reduce(merged) };
  }
  if (typeof value === 'object') {
    const properties = Object.entries(value).map(([key, field]) => [key, shapeOfValue(field, templates)]);
    return { type: 'object', properties: Object.fromEntries(properties) };
  }
  return templates && hasTemplate(value) ? UNKNOWN : { type: typeof value };
}

/** What two values have in common: a field that either has may be named. */
function merged(a: Shape, b: Shape): Shape {
  const type = typeOf(a);
  if (type === undefined || type !== typeOf(b)) return UNKNOWN;
  if (type === 'array') return { type, items: merged(itemsOf(a), itemsOf(b)) };
  if (type !== 'object') return { type };
  const [first, second] = [a.properties, b.properties] as Record<string, Shape>[];
  const properties = { ...first, ...second };
  for (const key of Object.keys(first!)) {
    if (Object.hasOwn(second!, key)) properties[key] = merged(first![key]!, second![key]!);
  }
  return { type, properties };
}

const text: Shape = { type: 'string' };

/** What `{{steps.id}}` is once the step has answered. Without a schema there is no `object`. */
export function answerShape(schema: JsonSchema | undefined): Shape {
  const usage = { type: 'object', properties: { inputTokens: { type: 'number' }, outputTokens: { type: 'number' } } };
  return {
    type: 'object',
    properties: {
      text,
      ...(schema ? { object: schema } : {}),
      model: text,
      usage,
      costUsd: { type: 'number' },
      finishReason: text,
      rounds: { type: 'number' },
    },
  };
}

export function listShape(item: Shape): Shape {
  return { type: 'object', properties: { items: { type: 'array', items: item }, text } };
}

export function subRunShape(result: Shape): Shape {
  return { type: 'object', properties: { result, text, run: text, pattern: text } };
}
