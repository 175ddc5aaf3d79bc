import type { McpHttpHandler } from '@modelcontextprotocol/server';
import type { Context } from 'hono';
import type { Cadenza } from '../../client/cadenza.ts';
import type { GatewayApp, GatewayEnv, Surroundings } from '../app.ts';
import { requirePermission } from '../authorization.ts';
import { BODY_LIMITS, limitBody, limitDepth } from '../limit-body.ts';

/** `/mcp`: Streamable HTTP of both revisions, without sessions: each request is answered by itself, by any gateway. */
export function addMcpRoute(
  app: GatewayApp,
  { log, version, workflows = [] }: Surroundings & { version: string; workflows?: string[] },
): void {
  let handler: Promise<McpHttpHandler> | undefined;

  /** Loaded with the first request: a gateway that nobody speaks MCP to does not wait for it. */
  async function open(): Promise<McpHttpHandler> {
    const [{ createMcpHandler }, { mcpServer }] = await Promise.all([
      import('@modelcontextprotocol/server'),
      import('../mcp/mcp-server.ts'),
    ]);
    return createMcpHandler(
      (context) => {
        const { client, ...caller } = context.authInfo!.extra as unknown as { client: Cadenza };
        return mcpServer({ client, workflows, version, log }, caller, context);
      },
      { onerror: (error) => log.debug({ err: error }, 'MCP') },
    );
  }

  app.all('/mcp', requirePermission('start'), limitBody(BODY_LIMITS.json), limitDepth, async (c) => {
    handler ??= open();
    const { fetch } = await handler;
    // The key was checked before; whose it is travels with the request.
    const { key } = c.var.caller;
    const extra = { client: c.var.client, key, closing: c.env?.closing };
    return fetch(await unread(c), { authInfo: { token: '', clientId: key ?? '', scopes: [], extra } });
  });
}

/** The request, whose body was read to see how deep it is. */
async function unread({ req }: Context<GatewayEnv>): Promise<Request> {
  const { raw } = req;
  if (!raw.bodyUsed) return raw;
  return new Request(raw.url, { method: raw.method, headers: raw.headers, body: await req.text(), signal: raw.signal });
}
