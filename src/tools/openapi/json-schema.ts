import type { JsonSchema } from '../../contract/index.ts';
import { resolved } from './operations.ts';
import type { OpenApiDocument } from './read-document.ts';

/** Keywords that hold one schema, a list of them, or schemas by name. */
const ONE = ['additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames', 'unevaluatedProperties'];
const LIST = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const BY_NAME = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'];
/** Words of OpenAPI's own, which say nothing of what fits; the last three are carried over below. */
const LEFT_OUT = ['example', 'xml', 'externalDocs', 'discriminator', 'nullable', 'readOnly', 'writeOnly'];

/** Schemas as OpenAPI 3.0 and 3.1 write them, made into JSON Schema 2020-12 for one tool. */
export interface SchemaReader {
  /** @throws Error where a reference leads nowhere */
  read(schema: unknown): JsonSchema | boolean;
  /** The schema itself, where it is a reference to one. */
  followed(schema: unknown): unknown;
  /** what the schemas read so far refer to, as `#/$defs/<name>` */
  definitions(): Record<string, JsonSchema | boolean>;
}

/**
 * Differences of 3.0 (OpenAPI 3.0.3, "Schema Object"): `nullable`, `exclusiveMinimum: true`. In what is sent, properties
 * that are `readOnly` are left out, as the specification wants.
 */
export function schemaReader(document: OpenApiDocument): SchemaReader {
  const names = new Map<string, string>();
  const definitions: Record<string, JsonSchema | boolean> = {};

  function read(schema: unknown): JsonSchema | boolean {
    if (typeof schema === 'boolean') return schema;
    if (typeof schema !== 'object' || schema === null) return {};
    const { $ref, ...given } = schema as JsonSchema;
    if (typeof $ref === 'string') return { $ref: `#/$defs/${nameOf($ref)}` };
    return nullable(
      given,
      withBounds(Object.fromEntries(Object.entries(given).flatMap(([key, value]) => keyword(key, value, given)))),
    );
  }

  function keyword(key: string, value: unknown, schema: JsonSchema): [string, unknown][] {
    if (LEFT_OUT.includes(key) || key.startsWith('x-')) return [];
    if (key === 'items') return [[key, Array.isArray(value) ? value.map(read) : read(value)]];
    if (ONE.includes(key)) return [[key, read(value)]];
    if (LIST.includes(key) && Array.isArray(value)) return [[key, value.map(read)]];
    if (BY_NAME.includes(key) && typeof value === 'object' && value !== null) {
      const written = Object.entries(value).filter(([, inner]) => !isReadOnly(inner));
      return [[key, Object.fromEntries(written.map(([name, inner]) => [name, read(inner)]))]];
    }
    if (key === 'required' && Array.isArray(value)) {
      const properties = (schema.properties ?? {}) as JsonSchema;
      return [[key, value.filter((name) => !isReadOnly(properties[name]))]];
    }
    return [[key, value]];
  }

  function nameOf(ref: string): string {
    const known = names.get(ref);
    if (known !== undefined) return known;
    const short = ref.slice(ref.lastIndexOf('/') + 1).replace(/[^\w.-]/g, '_');
    const name = Object.hasOwn(definitions, short) ? `${short}_${names.size}` : short;
    names.set(ref, name);
    // A schema may refer to itself: its place is taken before it is read.
    definitions[name] = {};
    definitions[name] = read(target(ref));
    return name;
  }

  function target(ref: string): unknown {
    const found = resolved(document, ref);
    if (found === undefined) throw new Error(`There is no ${ref}`);
    return found;
  }

  return {
    read,
    definitions: () => definitions,
    followed(schema) {
      const { $ref } = (schema ?? {}) as { $ref?: unknown };
      return typeof $ref === 'string' ? target($ref) : schema;
    },
  };
}

function isReadOnly(schema: unknown): boolean {
  return (schema as { readOnly?: unknown } | undefined)?.readOnly === true;
}

/** In 3.0 an exclusive bound is a flag beside the bound. */
function withBounds(schema: JsonSchema): JsonSchema {
  const { exclusiveMinimum, exclusiveMaximum, ...rest } = schema;
  const lower = exclusive(exclusiveMinimum, rest.minimum);
  const upper = exclusive(exclusiveMaximum, rest.maximum);
  return {
    ...rest,
    ...(lower === undefined ? {} : { exclusiveMinimum: lower }),
    ...(upper === undefined ? {} : { exclusiveMaximum: upper }),
  };
}

function exclusive(flag: unknown, bound: unknown): unknown {
  return typeof flag === 'boolean' ? (flag ? bound : undefined) : flag;
}

function nullable(given: JsonSchema, schema: JsonSchema): JsonSchema {
  if (given.nullable !== true) return schema;
  if (typeof schema.type !== 'string') return { anyOf: [schema, { type: 'null' }] };
  const { enum: values } = schema;
  return {
    ...schema,
    type: [schema.type, 'null'],
    ...(Array.isArray(values) && !values.includes(null) ? { enum: [...values, null] } : {}),
  };
}
