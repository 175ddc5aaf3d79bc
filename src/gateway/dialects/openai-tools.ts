import type { JsonSchema, ToolDefinition } from '../../contract/index.ts';

/** A function as both of OpenAI's endpoints describe it. */
interface OfferedFunction {
  name: string;
  description?: string | null;
  parameters?: JsonSchema | null;
}

/** Tools the model may call; a function without parameters takes none. */
export function toolsOf(functions: OfferedFunction[] | null | undefined): ToolDefinition[] | undefined {
  if (!functions?.length) return undefined;
  return functions.map(({ name, description, parameters }) => ({
    name,
    ...(description ? { description } : {}),
    parameters: parameters ?? { type: 'object', properties: {} },
  }));
}
