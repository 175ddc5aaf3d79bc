import { z } from 'zod';
import { PATTERNS } from '../../contract/index.ts';

/** What starts a run, as a tool. */
export interface RunTool {
  name: string;
  description: string;
  inputSchema: { type: 'object'; [keyword: string]: unknown };
  execution: { taskSupport: 'optional' };
}

/** The patterns, with the schemas of their inputs, and the user's own workflows, whose inputs are theirs to check. */
export function runTools(workflows: string[]): RunTool[] {
  const patterns = Object.entries(PATTERNS).map(([name, { input, summary }]) =>
    runTool(name, summary, inputSchema(input)),
  );
  const own = workflows.map((name) => runTool(name, `The workflow ${name}`, { type: 'object' }));
  return [...patterns, ...own];
}

function runTool(name: string, description: string, schema: RunTool['inputSchema']): RunTool {
  return { name, description, inputSchema: schema, execution: { taskSupport: 'optional' } };
}

/** MCP wants an object at the root, which zod does not say of a union of objects. */
function inputSchema(input: z.ZodType): RunTool['inputSchema'] {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' });
  return { ...schema, type: 'object' };
}
