import type { JsonSchema } from '../contract/index.ts';
import { schemaCheck } from '../providers/index.ts';
import { jsonIn } from './answer-json.ts';

/** The object an answer holds, or why it does not match the schema. @throws Error where the schema cannot be checked */
export function checkOutput(text: string, schema: JsonSchema): { object: unknown } | { invalid: string } {
  const check = schemaCheck(schema);
  let problem: string | undefined;
  for (const object of jsonIn(text)) {
    const found = check(object);
    if (found === undefined) return { object };
    problem ??= found;
  }
  return { invalid: problem ?? (text.trim() === '' ? 'The answer is empty, not JSON' : 'The answer is not JSON') };
}
