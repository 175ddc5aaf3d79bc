import { z } from 'zod';
import { type JsonSchema, ToolName } from '../contract/index.ts';
import type { ToolSource } from './registry.ts';
import { defineTool, type Tool, ToolFailure } from './tool.ts';

/** The part of the AI SDK's `tool()` that is used: https://ai-sdk.dev/docs/reference/ai-sdk-core/tool */
interface AiSdkTool {
  description?: string;
  inputSchema: unknown;
  execute?(input: unknown, options: { toolCallId: string; messages: []; abortSignal: AbortSignal }): unknown;
  needsApproval?:
    | boolean
    | ((input: unknown, options: { toolCallId: string; messages: [] }) => boolean | Promise<boolean>);
  toModelOutput?(options: { toolCallId: string; input: unknown; output: unknown }): unknown;
}

/** How the AI SDK gives a schema that is no zod schema. */
interface AiSdkSchema {
  jsonSchema: JsonSchema | Promise<JsonSchema>;
  validate?(
    value: unknown,
  ):
    | { success: boolean; value?: unknown; error?: Error }
    | Promise<{ success: boolean; value?: unknown; error?: Error }>;
}

/** The tools that a config gives: a list of `defineTool`s, or a record of those and of the AI SDK's. */
export function ownTools(given: readonly object[] | Record<string, object>): ToolSource {
  const entries = Array.isArray(given)
    ? given.map((tool: object, index) => [`tools[${index}]`, undefined, tool] as const)
    : Object.entries(given).map(([name, tool]) => [`tools.${name}`, name, tool] as const);
  let made: Promise<Tool[]> | undefined;
  return {
    list: () => (made ??= Promise.all(entries.map(([path, name, tool]) => ownTool(path, name, tool)))),
  };
}

async function ownTool(path: string, key: string | undefined, given: object): Promise<Tool> {
  const name = key ?? (given as Partial<Tool>).name;
  const named = ToolName.safeParse(name);
  if (!named.success)
    throw wrong(
      path,
      name === undefined ? 'The AI SDK’s tools are given as { name: tool }' : named.error.issues[0]!.message,
    );
  if (isTool(given)) return { ...given, name: named.data };
  if ('inputSchema' in given) return aiSdkTool(path, named.data, given as AiSdkTool);
  throw wrong(path, 'A tool is made by defineTool, or by the AI SDK’s tool()');
}

function isTool(given: object): given is Tool {
  return typeof (given as Partial<Tool>).check === 'function' && 'parameters' in given;
}

async function aiSdkTool(path: string, name: string, tool: AiSdkTool): Promise<Tool> {
  const { description = '', execute, needsApproval, toModelOutput } = tool;
  const schema = typeof tool.inputSchema === 'function' ? (tool.inputSchema as () => unknown)() : tool.inputSchema;
  const options = { toolCallId: name, messages: [] as [] };
  const base = isZod(schema)
    ? defineTool({ name, description, input: schema })
    : await withJsonSchema(path, name, description, schema as Partial<AiSdkSchema>);
  return {
    ...base,
    approval:
      typeof needsApproval === 'function' ? (args) => needsApproval(args, options) : needsApproval ? 'always' : 'never',
    ...(execute && {
      run: async (args, { signal, idempotencyKey }) => {
        const output = await lastOf(execute(args, { toolCallId: idempotencyKey, messages: [], abortSignal: signal }));
        return toModelOutput
          ? textOf(await toModelOutput({ toolCallId: idempotencyKey, input: args, output }))
          : output;
      },
    }),
  };
}

async function withJsonSchema(
  path: string,
  name: string,
  description: string,
  schema: Partial<AiSdkSchema>,
): Promise<Tool> {
  const parameters = await schema.jsonSchema;
  if (!parameters) throw wrong(`${path}.inputSchema`, 'It is neither a zod schema nor one of jsonSchema()');
  const base = defineTool({ name, description, input: z.record(z.string(), z.unknown()) });
  return {
    ...base,
    parameters,
    async check(args) {
      const checked = (await schema.validate?.(args)) ?? { success: true, value: args };
      return checked.success
        ? { args: checked.value }
        : { problem: checked.error?.message ?? 'they do not match the schema' };
    },
  };
}

function isZod(schema: unknown): schema is z.ZodType {
  return typeof schema === 'object' && schema !== null && '_zod' in schema;
}

/** Tools that report progress yield, and their last word counts. */
async function lastOf(output: unknown): Promise<unknown> {
  const settled = await output;
  if (typeof settled !== 'object' || settled === null || !(Symbol.asyncIterator in settled)) return settled;
  let last: unknown;
  for await (const value of settled as AsyncIterable<unknown>) last = value;
  return last;
}

/** What the AI SDK would show the model. @throws ToolFailure for a result that is an error */
function textOf(output: unknown): unknown {
  const { type, value } = output as { type: string; value: unknown };
  if (type === 'error-text' || type === 'error-json') {
    throw new ToolFailure({ type: 'ToolFailed', message: typeof value === 'string' ? value : JSON.stringify(value) });
  }
  if (type !== 'content') return value;
  return (value as { type: string; text?: string }[]).map((part) => part.text ?? `(${part.type})`).join('\n');
}

function wrong(path: string, problem: string): ToolFailure {
  return new ToolFailure({ type: 'InvalidRequest', message: `config.${path}: ${problem}`, path: `config.${path}` });
}
