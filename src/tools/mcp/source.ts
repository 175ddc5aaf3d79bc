import type { Tool as McpTool } from '@modelcontextprotocol/client';
import type { McpServerConfig } from '../../config/index.ts';
import { durationMs, type JsonSchema, type Log } from '../../contract/index.ts';
import { argumentCheck } from '../argument-check.ts';
import type { ToolSource } from '../registry.ts';
import { isWanted, ruleFor } from '../rule-by-name.ts';
import type { Tool } from '../tool.ts';
import { toolNames } from '../tool-names.ts';
import { abandonTool, callTool, resumeTool } from './call.ts';
import type { CalledTool, CallState } from './called-tool.ts';
import type { ServerTarget } from './open-connection.ts';
import { readingTools } from './reading-tools.ts';
import { type McpServer, mcpServer } from './server.ts';

/** The longest description all providers take, characters (OpenAI's limit is the lowest). */
const LONGEST_DESCRIPTION = 1_000;

/**
 * The tools of MCP servers, named `<server>__<tool>`. A server is connected to when a tool of it is first asked for: one
 * connection a worker and server.
 */
export function mcpSources(servers: Record<string, McpServerConfig>, env: NodeJS.ProcessEnv, log: Log): ToolSource[] {
  return Object.entries(servers).map(([name, config]) => source({ name, config, at: `config.mcp.${name}`, env, log }));
}

function source(target: ServerTarget): ToolSource {
  const server = mcpServer(target);
  let made: { of: McpTool[]; tools: Promise<Tool[]> } | undefined;
  return {
    prefix: `${target.name}__`,
    async list() {
      const listed = await server.tools();
      if (made?.of !== listed) made = { of: listed, tools: toolsOf(target, server, listed) };
      return made.tools.catch((error) => {
        made = undefined;
        throw error;
      });
    },
    close: () => server.close(),
  };
}

async function toolsOf(target: ServerTarget, server: McpServer, listed: McpTool[]): Promise<Tool[]> {
  const { name, config } = target;
  const nameOf = toolNames(name);
  const tools = listed
    .filter((tool) => isWanted(config, tool.name))
    .map((tool) => serverTool(target, server, tool, nameOf(tool.name)));
  const reading = await readingTools(target, server);
  return [...tools, ...reading.filter((tool) => !tools.some((other) => other.name === tool.name))];
}

function serverTool({ name: serverName, config }: ServerTarget, server: McpServer, tool: McpTool, name: string): Tool {
  const { readOnlyHint, idempotentHint } = tool.annotations ?? {};
  const { taskSupport } = (tool as { execution?: { taskSupport?: string } }).execution ?? {};
  const replay = ruleFor(config.replay, tool.name) ?? (readOnlyHint || idempotentHint ? 'safe' : 'unsafe');
  const timeoutMs = durationMs(config.timeout);
  const mayBeTask = taskSupport === 'optional' || taskSupport === 'required';
  const called: CalledTool = { ...{ server, serverName, replay, timeoutMs, mayBeTask }, name: tool.name };
  const parameters = tool.inputSchema as JsonSchema;
  const description = tool.description ?? tool.title ?? tool.name;
  return {
    name,
    description: description.slice(0, LONGEST_DESCRIPTION),
    parameters,
    check: argumentCheck(parameters),
    replay,
    approval: ruleFor(config.approval, tool.name) ?? 'never',
    timeoutMs,
    telling: Object.keys((parameters.properties ?? {}) as object)[0],
    outside: `the MCP server ${serverName}`,
    run: (args, context) => callTool(called, args as Record<string, unknown>, context),
    resume: (state, context, answer) => resumeTool(called, state as CallState, context, answer),
    abandon: (state, context) => abandonTool(called, state as CallState, context),
  };
}
