import type { JsonSchema } from '../contract/index.ts';

/** Deep enough for real schemas; a schema that holds itself ends here. */
const DEEPEST = 12;

/** A small value that matches a JSON schema, its strings beginning with the label where the schema lets them. */
export function exampleOf(schema: JsonSchema, label: string): unknown {
  return example(schema, { root: schema, label, name: 'value', depth: 0 });
}

interface Place {
  root: JsonSchema;
  label: string;
  /** the property's name, which its text tells */
  name: string;
  depth: number;
}

function example(given: JsonSchema | boolean | undefined, place: Place): unknown {
  if (typeof given !== 'object' || given === null || place.depth > DEEPEST) return text({}, place);
  const schema = resolved(given, place.root);
  const inner = { ...place, depth: place.depth + 1 };
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const branch = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined;
  if (branch?.[0]) return example({ ...without(schema, 'anyOf', 'oneOf'), ...resolved(branch[0], place.root) }, inner);
  if (Array.isArray(schema.allOf)) return example(combined(schema, place.root), inner);
  switch (typeOf(schema)) {
    case 'object':
      return object(schema, inner);
    case 'array':
      return array(schema, inner);
    case 'integer':
      return Math.ceil(number(schema));
    case 'number':
      return number(schema);
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return text(schema, place);
  }
}

function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  if (typeof schema.$ref !== 'string') return schema;
  const path = schema.$ref.replace(/^#\/?/, '').split('/').filter(Boolean);
  const target = path.reduce<unknown>((at, key) => (at as JsonSchema | undefined)?.[decodeURIComponent(key)], root);
  return { ...(target as JsonSchema), ...without(schema, '$ref') };
}

function combined(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const all = (schema.allOf as JsonSchema[]).map((one) => resolved(one, root));
  return {
    ...without(schema, 'allOf'),
    ...Object.assign({}, ...all),
    properties: Object.assign({}, schema.properties, ...all.map(({ properties }) => properties)),
    required: [schema, ...all].flatMap(({ required }) => (required as string[] | undefined) ?? []),
  };
}

function typeOf(schema: JsonSchema): unknown {
  if (Array.isArray(schema.type)) return schema.type.find((type) => type !== 'null');
  if (schema.type !== undefined) return schema.type;
  if (schema.properties) return 'object';
  return schema.items ? 'array' : 'string';
}

function object(schema: JsonSchema, place: Place): Record<string, unknown> {
  const properties = (schema.properties ?? {}) as Record<string, JsonSchema>;
  const names = (schema.required as string[] | undefined) ?? [];
  return Object.fromEntries(names.map((name) => [name, example(properties[name], { ...place, name })]));
}

/** At least one item, so that there is something to see. */
function array(schema: JsonSchema, place: Place): unknown[] {
  const least = Math.max(Number(schema.minItems ?? 0), 1);
  const length = Math.min(least, Number(schema.maxItems ?? least));
  const first = (schema.prefixItems ?? []) as JsonSchema[];
  return Array.from({ length }, (_, index) => {
    const item = example(first[index] ?? (schema.items as JsonSchema), place);
    return schema.uniqueItems && typeof item === 'string' && index > 0 ? `${item} ${index + 1}` : item;
  });
}

/** Between both limits where there are two, else next to the one there is. */
function number(schema: JsonSchema): number {
  const step = Number(schema.multipleOf ?? 0);
  const low = limit(schema.minimum, schema.exclusiveMinimum, 1);
  const high = limit(schema.maximum, schema.exclusiveMaximum, -1);
  const value = low !== undefined && high !== undefined ? (low + high) / 2 : (low ?? Math.min(high ?? 1, 1));
  return step > 0 ? Math.ceil(value / step) * step : value;
}

function limit(inclusive: unknown, exclusive: unknown, away: 1 | -1): number | undefined {
  if (typeof exclusive === 'number') return exclusive + away;
  return typeof inclusive === 'number' ? inclusive : undefined;
}

const FORMATS: Record<string, string> = {
  date: '2026-01-01',
  time: '12:00:00Z',
  'date-time': '2026-01-01T12:00:00Z',
  duration: 'P1D',
  email: 'sandbox@example.com',
  hostname: 'sandbox.example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/sandbox',
  url: 'https://example.com/sandbox',
  uuid: '00000000-0000-4000-8000-000000000000',
};

function text(schema: JsonSchema, { label, name }: Place): string {
  if (typeof schema.format === 'string' && FORMATS[schema.format]) return FORMATS[schema.format]!;
  const least = Number(schema.minLength ?? 0);
  const most = Number(schema.maxLength ?? Number.POSITIVE_INFINITY);
  const pattern = typeof schema.pattern === 'string' ? new RegExp(schema.pattern, 'u') : undefined;
  const candidates = [`[${label}] ${name}`, label, 'sandbox', 'a', 'A', '1', '2026-01-01', '#000000'];
  const padded = candidates.map((candidate) => candidate.padEnd(least, '.').slice(0, most));
  return padded.find((candidate) => !pattern || pattern.test(candidate)) ?? padded[0]!;
}

function without(schema: JsonSchema, ...keys: string[]): JsonSchema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !keys.includes(key)));
}
