import { type CallError, type JsonSchema, unusableSchema } from '../contract/index.ts';
import { schemaProblem } from '../providers/index.ts';

/** What can hold a schema: an input, a chain's step, the input of a step's or a row's own run. */
interface Holder {
  schema?: JsonSchema;
  policy?: unknown;
  steps?: unknown;
  parallel?: unknown;
  input?: unknown;
}

/** The first schema of an input that answers cannot be checked against, before anything is paid. */
export function checkSchemas(input: object): CallError | undefined {
  for (const [path, schema] of schemasIn(input as Holder, 'input')) {
    const problem = schemaProblem(schema);
    if (problem) return unusableSchema(problem, path);
  }
  return undefined;
}

function* schemasIn(holder: Holder, path: string): Generator<[path: string, schema: JsonSchema]> {
  if (isObject(holder.schema)) yield [`${path}.schema`, holder.schema];
  for (const field of ['steps', 'parallel'] as const) {
    const list = holder[field];
    if (!Array.isArray(list)) continue;
    for (const [index, step] of list.entries()) {
      const at = `${path}.${field}[${index}]`;
      if (isObject(step)) yield* schemasIn(step, at);
      if (isObject(step) && 'pattern' in step && isObject(step.input)) yield* schemasIn(step.input, `${at}.input`);
    }
  }
  // A map's input is that of each row's run, a chain's its own data.
  if (path === 'input' && 'pattern' in holder && isObject(holder.input))
    yield* schemasIn(holder.input, `${path}.input`);
  const after = isObject(holder.policy) && isObject(holder.policy.guardrails) ? holder.policy.guardrails.after : [];
  for (const [index, check] of (Array.isArray(after) ? after : []).entries())
    if (isObject(check?.schema)) yield [`${path}.policy.guardrails.after[${index}].schema`, check.schema];
}

// biome-ignore lint/suspicious/noExplicitAny: a part of an input, looked at field by field
function isObject(value: unknown): value is Record<string, any> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
