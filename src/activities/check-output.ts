import { z } from 'zod';
import type { JsonSchema } from '../contract/index.ts';

/** The object an answer holds, or why it does not match the schema. */
export function checkOutput(text: string, schema: JsonSchema): { object: unknown } | { invalid: string } {
  let object: unknown;
  try {
    object = JSON.parse(unfenced(text));
  } catch {
    return { invalid: text.trim() === '' ? 'The answer is empty, not JSON' : 'The answer is not JSON' };
  }
  const parsed = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(object);
  return parsed.success ? { object: parsed.data } : { invalid: z.prettifyError(parsed.error) };
}

/** Models like to wrap JSON in a Markdown fence. */
function unfenced(text: string): string {
  const fenced = /^\s*```(?:json)?\s*\n([\s\S]*?)\n?```\s*$/.exec(text);
  return fenced?.[1] ?? text;
}
