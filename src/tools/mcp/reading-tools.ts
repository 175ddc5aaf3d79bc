import { z } from 'zod';
import { durationMs } from '../../contract/index.ts';
import { isWanted, ruleFor } from '../rule-by-name.ts';
import { defineTool, type Tool, ToolFailure } from '../tool.ts';
import { type ResourceContent, resourceText } from './content.ts';
import { lossOf } from './lost-calls.ts';
import type { Connection, ServerTarget } from './open-connection.ts';
import type { McpServer } from './server.ts';

/** Resources and prompts that are listed at once. */
const MOST_LISTED = 100;

/** What a server has beside tools, as tools that only read: `<server>__read_resource`, `<server>__get_prompt`. */
export async function readingTools(
  { name: server, config }: ServerTarget,
  { connected, drop }: McpServer,
): Promise<Tool[]> {
  const { client } = await connected();
  const capabilities = client.getServerCapabilities() ?? {};
  const rules = (name: string) => ({
    replay: 'safe' as const,
    approval: ruleFor(config.approval, name) ?? ('never' as const),
    timeout: durationMs(config.timeout),
    outside: `the MCP server ${server}`,
  });

  /** Reading may be done again on a new connection. */
  async function read<Value>(work: (connection: Connection) => Promise<Value>): Promise<Value> {
    for (let nth = 1; ; nth++) {
      const connection = await connected();
      try {
        return await work(connection);
      } catch (thrown) {
        const loss = lossOf(thrown, server, connection.client.getProtocolEra() === 'legacy');
        if (loss.kind === 'refused') throw loss.failure;
        await drop(connection);
        if (nth > 1)
          throw new ToolFailure(
            { type: 'ConnectionLost', message: `The MCP server ${server} was lost` },
            { retryable: true },
          );
      }
    }
  }

  const readResource = defineTool({
    ...rules('read_resource'),
    name: `${server}__read_resource`,
    description: `Reads a resource of ${server} by its URI. Without a URI it lists the resources there are.`,
    input: z.object({ uri: z.string().optional() }),
    telling: 'uri',
    run: ({ uri }, { files, signal }) =>
      read(async ({ client }) => {
        if (uri === undefined) return listResources(client);
        const { contents } = await client.readResource({ uri }, { signal, timeout: durationMs(config.timeout) });
        const texts = await Promise.all(contents.map((content) => resourceText(content as ResourceContent, files)));
        return texts.join('\n');
      }),
  });

  const getPrompt = defineTool({
    ...rules('get_prompt'),
    name: `${server}__get_prompt`,
    description: `Gets a prompt that ${server} has prepared, with its arguments filled in. Without a name it lists the prompts there are.`,
    input: z.object({ name: z.string().optional(), arguments: z.record(z.string(), z.string()).optional() }),
    telling: 'name',
    run: ({ name, arguments: args }, { signal }) =>
      read(async ({ client }) => {
        if (name === undefined) {
          const { prompts } = await client.listPrompts();
          return prompts
            .slice(0, MOST_LISTED)
            .map(({ name, description, arguments: wanted }) => ({ name, description, arguments: wanted }));
        }
        const prompt = await client.getPrompt(
          { name, arguments: args },
          { signal, timeout: durationMs(config.timeout) },
        );
        return prompt.messages.map(({ role, content }) => ({
          role,
          text: content.type === 'text' ? content.text : `[${content.type}]`,
        }));
      }),
  });

  const tools: Tool[] = [];
  if (capabilities.resources && isWanted(config, 'read_resource')) tools.push(readResource);
  if (capabilities.prompts && isWanted(config, 'get_prompt')) tools.push(getPrompt);
  return tools;
}

async function listResources(client: Connection['client']): Promise<unknown> {
  const { resources } = await client.listResources();
  const { resourceTemplates } = await client.listResourceTemplates();
  return {
    resources: resources
      .slice(0, MOST_LISTED)
      .map(({ uri, name, description, mimeType }) => ({ uri, name, description, mimeType })),
    ...(resources.length > MOST_LISTED ? { more: resources.length - MOST_LISTED } : {}),
    templates: resourceTemplates.map(({ uriTemplate, name, description }) => ({ uriTemplate, name, description })),
  };
}
