/** A route of an OpenAPI document, as a request can be made of it. */
export interface DocumentedRoute {
  method: string;
  path: string;
  parameters: { name: string; in: string; required?: boolean; schema?: Schema }[];
  /** media type and schema of its body */
  body?: [type: string, schema: Schema];
}

export interface Schema {
  type?: string | string[];
  $ref?: string;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  example?: unknown;
  examples?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  minItems?: number;
  minLength?: number;
  minimum?: number;
  pattern?: string;
}

interface Operation {
  parameters?: DocumentedRoute['parameters'];
  requestBody?: { content: Record<string, { schema?: Schema; example?: unknown }> };
}

export interface OpenApiDocument {
  paths?: Record<string, object>;
  components?: { schemas?: Record<string, unknown> };
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** Every route a document names. */
export function routesOf({ paths = {} }: OpenApiDocument): DocumentedRoute[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Operation>)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, { parameters = [], requestBody }]) => {
        const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? [];
        const schema = media && { ...media.schema, example: media.example ?? media.schema?.example };
        return { method: method.toUpperCase(), path, parameters, ...(type && { body: [type, schema ?? {}] as never }) };
      }),
  );
}

/** The smallest value a schema takes, as far as it says so. */
export function sampleOf(document: OpenApiDocument, given: Schema, depth = 0): unknown {
  const schema = resolved(document, given);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.example !== undefined) return schema.example;
  if (schema.examples) return schema.examples[0];
  if (schema.default !== undefined) return schema.default;
  const alternative = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (alternative && depth < 20) return sampleOf(document, alternative, depth + 1);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => sampleOf(document, part, depth + 1)));
  if (type === 'object' || schema.properties) {
    const { properties = {}, required = [] } = schema;
    return Object.fromEntries(required.map((name) => [name, sampleOf(document, properties[name] ?? {}, depth + 1)]));
  }
  if (type === 'array') {
    return Array.from({ length: schema.minItems ?? 0 }, () => sampleOf(document, schema.items ?? {}, depth + 1));
  }
  if (type === 'string') return 'x'.repeat(Math.max(1, schema.minLength ?? 1));
  if (type === 'number' || type === 'integer') return Math.max(1, schema.minimum ?? 1);
  if (type === 'boolean') return true;
  return type === 'null' ? null : {};
}

function resolved(document: OpenApiDocument, schema: Schema): Schema {
  if (!schema.$ref) return schema;
  const [, name] = /^#\/components\/schemas\/([^/]+)$/.exec(schema.$ref) ?? [];
  const found = (document.components?.schemas?.[name ?? ''] ?? {}) as Schema;
  return { ...resolved(document, found), ...(schema.example === undefined ? {} : { example: schema.example }) };
}
