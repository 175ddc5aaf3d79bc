import type { JsonSchema } from '../../contract/index.ts';
import { type SchemaReader, schemaReader } from './json-schema.ts';
import type { ApiOperation, Parameter, RequestBody } from './operations.ts';
import type { OpenApiDocument } from './read-document.ts';

/** How models may name an argument: the narrowest of the providers, Anthropic's. */
const KEY = /^[A-Za-z0-9_.-]{1,64}$/;
/** Parameters that the request has of itself (OpenAPI 3.0.3, "Parameter Object"), or the call's own key. */
const NOT_ASKED = ['accept', 'content-type', 'authorization', 'idempotency-key'];

/** Where the arguments of one operation go. */
export interface OperationArguments {
  /** an object with all arguments of the operation, from path, query, headers and body */
  schema: JsonSchema;
  parameters: { key: string; parameter: Parameter }[];
  body?: {
    mediaType: string;
    /** names of arguments that are the body's fields; left out, the argument `body` is the whole body */
    fields?: string[];
  };
}

/**
 * The arguments of an operation as one flat object: its parameters, and the fields of its body where they are an object's
 * and none is named like a parameter; else the body is one argument, `body`. Of two parameters of one name, the second
 * is named with its place: `query_id`.
 * @param isGiven parameters that the config answers: an API key
 * @returns undefined where the body is of a kind that no model can write, such as a video
 * @throws Error where a schema refers to what is not there
 */
export function argumentsOf(
  document: OpenApiDocument,
  operation: ApiOperation,
  isGiven: (parameter: Parameter) => boolean,
): OperationArguments | undefined {
  const reader = schemaReader(document);
  const properties: Record<string, JsonSchema | boolean> = {};
  const required: string[] = [];
  const parameters: OperationArguments['parameters'] = [];
  for (const parameter of operation.parameters) {
    if (isGiven(parameter) || (parameter.in === 'header' && NOT_ASKED.includes(parameter.name.toLowerCase()))) continue;
    const key = freeKey(parameter, properties);
    properties[key] = described(reader.read(schemaOf(parameter)), parameter.description);
    if (parameter.in === 'path' || parameter.required) required.push(key);
    parameters.push({ key, parameter });
  }
  const body = operation.body && addBody(reader, operation.body, properties, required);
  if (operation.body && body === undefined) return undefined;
  const $defs = reader.definitions();
  const schema: JsonSchema = {
    type: 'object',
    properties,
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
    ...(Object.keys($defs).length > 0 ? { $defs } : {}),
  };
  return { schema, parameters, body };
}

function schemaOf({ schema, content }: Parameter): unknown {
  return schema ?? Object.values(content ?? {})[0]?.schema ?? { type: 'string' };
}

function freeKey({ name, in: place }: Parameter, taken: Record<string, unknown>): string {
  const plain =
    name
      .replace(/[^A-Za-z0-9_.-]+/g, '_')
      .replace(/^_+|_+$/g, '')
      .slice(0, 64) || place;
  if (!Object.hasOwn(taken, plain)) return plain;
  const placed = `${place}_${plain}`.slice(0, 60);
  for (let nth = 2, key = placed; ; key = `${placed}_${nth++}`) if (!Object.hasOwn(taken, key)) return key;
}

/** Puts the body's arguments among the others. */
function addBody(
  reader: SchemaReader,
  body: RequestBody,
  properties: Record<string, JsonSchema | boolean>,
  required: string[],
): OperationArguments['body'] {
  const mediaType = writable(Object.keys(body.content));
  if (mediaType === undefined) return undefined;
  const given = body.content[mediaType]!.schema ?? (mediaType.startsWith('text/') ? { type: 'string' } : {});
  const fields = fieldsOf(reader.followed(given));
  const mayBeFlat =
    fields !== undefined &&
    (body.required === true || fields.required.length === 0) &&
    Object.keys(fields.properties).every((name) => KEY.test(name) && !Object.hasOwn(properties, name));
  if (!mayBeFlat) {
    const key = Object.hasOwn(properties, 'body') ? 'request_body' : 'body';
    properties[key] = described(reader.read(given), body.description);
    if (body.required) required.push(key);
    return { mediaType };
  }
  const read = reader.read({ type: 'object', ...fields }) as { properties?: JsonSchema; required?: string[] };
  Object.assign(properties, read.properties);
  required.push(...(read.required ?? []));
  return { mediaType, fields: Object.keys(read.properties ?? {}) };
}

/** The fields of a schema that is an object of known fields and nothing else. */
function fieldsOf(schema: unknown): { properties: JsonSchema; required: string[] } | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined;
  const { type, properties, required, additionalProperties, allOf, anyOf, oneOf } = schema as JsonSchema;
  const isPlain = [allOf, anyOf, oneOf].every((part) => part === undefined) && !additionalProperties;
  if (!isPlain || (type !== undefined && type !== 'object') || typeof properties !== 'object') return undefined;
  return { properties: properties as JsonSchema, required: Array.isArray(required) ? required : [] };
}

/** The kind of body that a model writes best, of those an operation takes. */
function writable(mediaTypes: string[]): string | undefined {
  const kinds = [
    /^application\/json\b/,
    /\+json\b/,
    /^application\/x-www-form-urlencoded\b/,
    /^multipart\/form-data\b/,
    /^text\//,
    /^\*\/\*$/,
  ];
  return kinds.map((kind) => mediaTypes.find((type) => kind.test(type))).find((type) => type !== undefined);
}

function described(schema: JsonSchema | boolean, description: string | undefined): JsonSchema | boolean {
  if (description === undefined || typeof schema === 'boolean' || schema.description !== undefined) return schema;
  return { ...schema, description };
}
