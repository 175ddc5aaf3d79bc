import { z } from '@hono/zod-openapi';
import * as contract from '../contract/index.ts';

// Schemas made before the OpenAPI extension was loaded do not have `.openapi`; a copy does.
function named<Schema extends z.ZodType>(name: string, schema: Schema): Schema {
  return (schema.clone() as Schema).openapi(name);
}

const patterns = Object.entries(contract.PATTERNS);

/** The patterns' inputs and results, as components of the OpenAPI document. */
export const PatternSchemas = patterns.flatMap(([name, { input, result }]) => [
  { name: `${capital(name)}Input`, schema: input.clone() as z.ZodType },
  { name: `${capital(name)}Result`, schema: result.clone() as z.ZodType },
]);

export const StartRun = contract.StartRun.extend({
  pattern: contract.StartRun.shape.pattern.clone().openapi({ example: 'ask', description: patternList() }),
  input: z.unknown().openapi({ anyOf: patterns.map(([name]) => component(`${capital(name)}Input`)) }),
}).openapi('StartRun', {
  example: { pattern: 'ask', input: { prompt: 'Why do rivers bend?', policy: { candidates: ['sandbox/gpt'] } } },
});

export const Links = z.record(z.string(), z.string()).openapi('Links');
export const RunInfo = named('RunInfo', contract.RunInfo);
export const RunPage = z.object({ runs: z.array(RunInfo), nextCursor: z.string().optional() }).openapi('RunPage');
export const Bill = named('Bill', contract.Bill);
export const Timeline = named('Timeline', contract.Timeline);
export const RunEvent = named('RunEvent', contract.RunEvent);

export const StartedRun = z
  .object({ id: z.string(), pattern: z.string(), status: contract.RunStatus, links: Links })
  .openapi('StartedRun');

export const Result = z.unknown().openapi('Result', {
  anyOf: patterns.map(([name]) => component(`${capital(name)}Result`)),
});

export const RunParams = z.object({
  id: contract.RunId.clone().openapi({ param: { name: 'id', in: 'path' }, description: 'Run id, URL-encoded' }),
});

function component(name: string) {
  return { $ref: `#/components/schemas/${name}` };
}

function patternList(): string {
  return patterns.map(([name, { summary }]) => `\`${name}\`: ${summary}`).join('. ');
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
