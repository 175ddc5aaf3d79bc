import type { ToolSettings } from '../config/index.ts';
import { type CallError, durationMs, type Reach, suggestion, type ToolUse } from '../contract/index.ts';
import { guardedFetch } from './guard/guarded-fetch.ts';
import { narrowed } from './guard/reach.ts';
import { type Tool, type ToolContext, ToolFailure } from './tool.ts';

/** Where tools come from: built in, the config, an MCP server, an OpenAPI file. */
export interface ToolSource {
  /** all its tools begin so; left out, any name may be one of its own */
  prefix?: string;
  /** its tools are known without asking anybody: a mistake in a name is found before a run starts */
  isLocal?: boolean;
  /** @throws ToolFailure where it cannot be reached */
  list(): Promise<Tool[]>;
  close?(): Promise<void>;
}

/** A tool as one agent may use it. */
export interface UsedTool {
  tool: Tool;
  use: Exclude<ToolUse, string>;
}

/** The tools of a worker, from all sources. */
export interface ToolRegistry {
  /** The tools that uses stand for, each once, in order. @throws ToolFailure InvalidRequest for one that is not there */
  resolve(uses: ToolUse[]): Promise<UsedTool[]>;
  find(name: string): Promise<Tool | undefined>;
  /** What is wrong with a use, as far as that is known without asking a server for its tools. */
  missing(use: ToolUse): Promise<CallError | undefined>;
  /** what one call of a tool may ask over HTTP. @param narrower where its agent may ask less than the tool */
  fetchFor(tool: Tool, narrower: Reach | undefined, signal: AbortSignal): ToolContext['fetch'];
  close(): Promise<void>;
}

export function toolRegistry(sources: ToolSource[], settings: ToolSettings): ToolRegistry {
  const { privateHosts, maxBytes } = settings;
  const timeoutMs = durationMs(settings.fetchTimeout);

  const reachable = (name: string) =>
    sources.filter(({ prefix }) => prefix === undefined || name.startsWith(prefix) || prefix.startsWith(name));

  /** The first source that has a tool of the name wins: a user's own before a built-in one. */
  async function toolsOf(pattern: string): Promise<Tool[]> {
    const isOpen = pattern.endsWith('*');
    const name = isOpen ? pattern.slice(0, -1) : pattern;
    const lists = await Promise.all(reachable(name).map((source) => source.list()));
    const found = lists.flat().filter((tool) => (isOpen ? tool.name.startsWith(name) : tool.name === name));
    return isOpen ? found : found.slice(0, 1);
  }

  async function unknown(name: string, asked = sources): Promise<CallError> {
    const lists = await Promise.allSettled(asked.map((source) => source.list()));
    const known = lists.flatMap((list) => (list.status === 'fulfilled' ? list.value.map((tool) => tool.name) : []));
    return {
      type: 'InvalidRequest',
      message: `No tool named "${name}".${suggestion(name, known)}`,
      hint: 'A tool that the client runs itself is given with its parameters',
      path: 'input.tools',
    };
  }

  return {
    async resolve(uses) {
      const used = new Map<string, UsedTool>();
      for (const given of uses) {
        const use = typeof given === 'string' ? { name: given } : given;
        const tools = use.parameters === undefined ? await toolsOf(use.name) : [clientTool(use)];
        if (tools.length === 0) throw new ToolFailure(await unknown(use.name));
        for (const tool of tools) if (!used.has(tool.name)) used.set(tool.name, { tool, use });
      }
      return [...used.values()];
    },
    async find(name) {
      const [tool] = await toolsOf(name);
      return tool;
    },
    async missing(given) {
      const { name, parameters } = typeof given === 'string' ? { name: given, parameters: undefined } : given;
      const isRemote = reachable(name.replace('*', '')).some(({ prefix, isLocal }) => prefix !== undefined && !isLocal);
      if (parameters !== undefined || isRemote) return undefined;
      return (await toolsOf(name)).length > 0
        ? undefined
        : unknown(
            name,
            sources.filter(({ prefix, isLocal }) => isLocal || prefix === undefined),
          );
    },
    fetchFor: (tool, narrower, signal) =>
      guardedFetch(narrowed(tool.reach, narrower), { privateHosts, maxBytes, timeoutMs, signal }),
    async close() {
      await Promise.all(sources.map((source) => source.close?.()));
    },
  };
}

/** A tool whose work is done by whoever started the run: its arguments are the client's to check. */
function clientTool({ name, description = '', parameters = {} }: UsedTool['use']): Tool {
  return {
    name,
    description,
    parameters: { type: 'object', ...parameters },
    check: async (args) => ({ args }),
    replay: 'unsafe',
    approval: 'never',
    timeoutMs: Number.POSITIVE_INFINITY,
  };
}
