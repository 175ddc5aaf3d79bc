import type { McpHttpHandler } from '@modelcontextprotocol/server';
import type { GatewayApp, Surroundings } from '../app.ts';

/** `/mcp`: Streamable HTTP of both revisions, without sessions: each request is answered by itself, by any gateway. */
export function addMcpRoute(
  app: GatewayApp,
  { client, log, version, workflows = [] }: Surroundings & { version: string; workflows?: string[] },
): void {
  let handler: Promise<McpHttpHandler> | undefined;

  /** Loaded with the first request: a gateway that nobody speaks MCP to does not wait for it. */
  async function open(): Promise<McpHttpHandler> {
    const [{ createMcpHandler }, { mcpServer }] = await Promise.all([
      import('@modelcontextprotocol/server'),
      import('../mcp/mcp-server.ts'),
    ]);
    return createMcpHandler(
      (context) => mcpServer({ client, workflows, version, log }, context.authInfo?.extra ?? {}, context),
      { onerror: (error) => log.debug({ err: error }, 'MCP') },
    );
  }

  app.all('/mcp', async (c) => {
    handler ??= open();
    const { fetch } = await handler;
    // The key was checked before; whose it is travels with the request.
    const extra = { key: c.get('key'), closing: c.env?.closing };
    return fetch(c.req.raw, { authInfo: { token: '', clientId: c.get('key') ?? '', scopes: [], extra } });
  });
}
