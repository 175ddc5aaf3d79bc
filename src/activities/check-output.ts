import { z } from 'zod';
import type { JsonSchema } from '../contract/index.ts';
import { jsonIn } from './answer-json.ts';

/** The object an answer holds, or why it does not match the schema. */
export function checkOutput(text: string, schema: JsonSchema): { object: unknown } | { invalid: string } {
  const expected = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  let problem: string | undefined;
  for (const object of jsonIn(text)) {
    const checked = expected.safeParse(object);
    if (checked.success) return { object: checked.data };
    problem ??= z.prettifyError(checked.error);
  }
  return { invalid: problem ?? (text.trim() === '' ? 'The answer is empty, not JSON' : 'The answer is not JSON') };
}
