import type { JsonSchema } from '../contract/index.ts';

/** Keywords strict modes refuse. Those that only narrow a value are left out: answers are checked against the whole schema. */
const DROPPED = new Set(['$schema', '$id', 'default', 'examples', 'minLength', 'maxLength', 'uniqueItems', 'title']);
const UNSUPPORTED = [
  'patternProperties',
  'propertyNames',
  'if',
  'not',
  'allOf',
  'oneOf',
  'dependentRequired',
  'prefixItems',
];

/**
 * The schema as OpenAI's strict mode wants it (every object closed, every property required), or undefined if that
 * would change which answers are right: strict mode knows no optional properties and no open objects.
 */
export function strictSchema(schema: JsonSchema): JsonSchema | undefined {
  return schema.type === 'object' ? strict(schema) : undefined;
}

function strict(schema: JsonSchema): JsonSchema | undefined {
  if (UNSUPPORTED.some((keyword) => keyword in schema)) return undefined;
  const result: JsonSchema = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (DROPPED.has(keyword)) continue;
    const kept = strictValue(keyword, value);
    if (kept === undefined) return undefined;
    result[keyword] = kept;
  }
  if (schema.type !== 'object' && !('properties' in schema)) return result;
  const names = Object.keys((schema.properties ?? {}) as object);
  const required = new Set((schema.required ?? []) as string[]);
  const open = schema.additionalProperties !== undefined && schema.additionalProperties !== false;
  if (open || names.length === 0 || names.some((name) => !required.has(name))) return undefined;
  return { ...result, additionalProperties: false };
}

function strictValue(keyword: string, value: unknown): unknown {
  if (keyword === 'properties' || keyword === '$defs' || keyword === 'definitions') {
    const entries = Object.entries(value as Record<string, JsonSchema>).map(([name, inner]) => [name, strict(inner)]);
    return entries.some(([, inner]) => inner === undefined) ? undefined : Object.fromEntries(entries);
  }
  if (keyword === 'items') return isSchema(value) ? strict(value) : undefined;
  if (keyword === 'anyOf') {
    const branches = (value as JsonSchema[]).map(strict);
    return branches.includes(undefined) ? undefined : branches;
  }
  return value;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
