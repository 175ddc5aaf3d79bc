import { createRequire } from 'node:module';
import type { Ajv as AjvType, ErrorObject, Options, ValidateFunction } from 'ajv';
import type { FormatsPlugin } from 'ajv-formats';
import type { RE2JS as Re2Type } from 're2js';
import type { JsonSchema } from '../contract/index.ts';

/** Loaded with the first schema: a start without one does not wait for them. */
const load = createRequire(import.meta.url);

/** Says what is wrong with a value; undefined where it matches. */
export type SchemaCheck = (value: unknown) => string | undefined;

/** Compiled checks kept, by the schema's text. Compiling one takes some ms. */
const MOST_KEPT = 200;
const kept = new Map<string, SchemaCheck | Error>();

/** Problems told of one value. */
const MOST_TOLD = 5;

/**
 * A check of values against a JSON schema: 2020-12, or draft 7 where `$schema` or an old form of `items` says so. Patterns
 * may be JavaScript's or RE2's, such as `(?i)^yes\z`.
 * @throws Error where the schema is none, or cannot be checked
 */
export function schemaCheck(schema: JsonSchema): SchemaCheck {
  const key = JSON.stringify(schema);
  const found = kept.get(key) ?? compiled(schema);
  kept.delete(key);
  kept.set(key, found);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!);
  if (found instanceof Error) throw found;
  return found;
}

/** Why a schema cannot be used; undefined if it can. To be asked before anything is paid. */
export function schemaProblem(schema: JsonSchema): string | undefined {
  try {
    schemaCheck(schema);
    return undefined;
  } catch (problem) {
    return (problem as Error).message;
  }
}

function compiled(schema: JsonSchema): SchemaCheck | Error {
  const { $schema: dialect, ...plain } = schema;
  try {
    if (plain.$async) return new Error('$async is no part of JSON Schema');
    const validator = /draft-0?[3-7]/.test(String(dialect ?? '')) || hasOldItems(plain) ? ajv('draft7') : ajv('2020');
    const validate = validator.compile(plain);
    validator.removeSchema(plain);
    return (value) => (validate(value) ? undefined : problemsOf(validate));
  } catch (thrown) {
    return new Error((thrown as Error).message.replace(/^schema is invalid: data\/?/, 'schema.').replaceAll('/', '.'));
  }
}

const opened: Partial<Record<'draft7' | '2020', AjvType>> = {};

function ajv(draft: 'draft7' | '2020'): AjvType {
  const existing = opened[draft];
  if (existing) return existing;
  const options: Options = {
    strict: false,
    allErrors: true,
    addUsedSchema: false,
    logger: false,
    code: { regExp: Object.assign(pattern, { code: 'new RegExp' }) },
  };
  const { Ajv, Ajv2020 } = load(draft === '2020' ? 'ajv/dist/2020.js' : 'ajv') as Record<string, typeof AjvType>;
  const made = new (Ajv2020 ?? Ajv)!(options);
  (load('ajv-formats') as { default: FormatsPlugin }).default(made);
  opened[draft] = made;
  return made;
}

/** A pattern of JavaScript, of RE2, or of JavaScript as it was before its `u` flag. */
function pattern(source: string, flags: string) {
  const attempts = [
    () => new RegExp(source, flags),
    () => (load('re2js') as { RE2JS: typeof Re2Type }).RE2JS.compile(source),
    () => new RegExp(source),
  ];
  for (const attempt of attempts) {
    try {
      const made = attempt();
      return made instanceof RegExp ? made : { test: (text: string) => made.matcher(text).find() };
    } catch {
      // the next syntax
    }
  }
  throw new Error(`the pattern ${JSON.stringify(source)} is neither JavaScript's nor RE2's`);
}

/** `items` as a list, and `dependencies`: no longer in 2020-12, and so not checked there. */
function hasOldItems(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasOldItems);
  const { items, dependencies } = value as JsonSchema;
  return Array.isArray(items) || dependencies !== undefined || Object.values(value).some(hasOldItems);
}

function problemsOf({ errors }: ValidateFunction): string {
  const list = (errors ?? []).slice(0, MOST_TOLD).map(problemOf);
  const more = (errors?.length ?? 0) - list.length;
  return [...new Set(list), ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
}

function problemOf({ instancePath, message, params, keyword }: ErrorObject): string {
  const at = instancePath
    .replace(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replace(/\//g, '.')
    .replace(/^\./, '');
  const which =
    keyword === 'additionalProperties'
      ? `: ${params.additionalProperty}`
      : keyword === 'enum'
        ? `: ${JSON.stringify(params.allowedValues)}`
        : '';
  return `${at === '' ? 'The answer' : at} ${message}${which}`;
}
