import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { GatewayApp, GatewayEnv, Surroundings } from '../app.ts';
import { assertPermitted, identitiesOf } from '../authorization.ts';
import { streamFrames } from '../frame-stream.ts';
import { agentOf, DEFAULT_AGENT } from '../named-agents.ts';
import { json, route } from '../route.ts';

const tags = ['agents'];
const AgentParams = z.object({ agent: z.string().openapi({ param: { name: 'agent', in: 'path' } }) });
const Version = z.object({ 'a2a-version': z.string().optional().openapi({ description: 'Left out: 0.3' }) });
const Card = z.looseObject({ name: z.string(), description: z.string() }).openapi('AgentCard');
const JsonRpc = z
  .looseObject({
    jsonrpc: z.literal('2.0'),
    method: z.string(),
    id: z.union([z.string(), z.number(), z.null()]).optional(),
  })
  .openapi('JsonRpcRequest', {
    example: { jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 'a2a:2f6b0c0e-9d8a-4b6e-8f30-3e1d7c9a5b21' } },
  });

const card = {
  may: 'anyone' as const,
  method: 'get' as const,
  tags,
  answers: { 200: json('The card', Card) },
};
const rpc = {
  may: 'start' as const,
  method: 'post' as const,
  tags,
  description:
    'A2A 1.0 and, without the header `A2A-Version`, 0.3, as JSON-RPC. A task is a run of the pattern `agent`, whose id it has. Streams are server-sent events.',
  answers: {
    200: {
      description: 'The answer, or the events',
      content: { 'application/json': { schema: z.looseObject({}) }, 'text/event-stream': { schema: z.string() } },
    },
  },
};
const body = { required: true, content: { 'application/json': { schema: JsonRpc } } } as const;

const defaultCardRoute = route({
  ...card,
  path: '/.well-known/agent-card.json',
  summary: 'The A2A card of the agent named default',
  request: { headers: Version },
});
const cardRoute = route({
  ...card,
  path: '/a2a/{agent}/.well-known/agent-card.json',
  summary: 'The A2A card of a named agent',
  request: { headers: Version, params: AgentParams },
});
const defaultRoute = route({
  ...rpc,
  path: '/a2a',
  summary: 'A2A of the agent named default',
  request: { headers: Version, body },
});
const namedRoute = route({
  ...rpc,
  path: '/a2a/{agent}',
  summary: 'A2A of a named agent',
  request: { headers: Version, body, params: AgentParams },
});

export function addA2aRoutes(
  app: GatewayApp,
  { agents, people, log, open, gatewayUrl, version }: Surroundings & { version: string; gatewayUrl?: string },
): void {
  async function cardFor(c: Context<GatewayEnv>, name: string) {
    const { cardJson, cardOf } = await import('../a2a/agent-card.ts');
    const agent = agentOf(agents, name);
    const origin = gatewayUrl ?? new URL(c.req.url).origin;
    const url = `${origin.replace(/\/$/, '')}/a2a${name === DEFAULT_AGENT ? '' : `/${encodeURIComponent(name)}`}`;
    const found = cardOf({ name, agent, url, version, needsKey: !open });
    return { card: found, json: (asked?: string) => cardJson(found, isLegacy(asked)) };
  }

  async function showCard(c: Context<GatewayEnv>, name: string, asked?: string): Promise<Response> {
    const { json: inVersion } = await cardFor(c, name);
    c.header('Vary', 'A2A-Version');
    c.header('Cache-Control', 'public, max-age=300');
    return c.json(inVersion(asked));
  }

  async function answer(c: Context<GatewayEnv>, agent: string, given: object, asked?: string): Promise<Response> {
    // Loaded with the first request: a gateway that nobody speaks A2A to does not wait for it.
    const [server, compat, { requestHandler }, { card: found }] = await Promise.all([
      import('@a2a-js/sdk/server'),
      import('@a2a-js/sdk/compat/v0_3/server'),
      import('../a2a/request-handler.ts'),
      cardFor(c, agent),
    ]);
    const { client, caller } = c.var;
    const reader = new AbortController();
    const ends = [reader.signal, c.req.raw.signal, ...(c.env?.closing ? [c.env.closing] : [])];
    const handler = requestHandler({
      ...{ client, agents, agent, card: found, key: caller.key, log, signal: AbortSignal.any(ends) },
      identities: identitiesOf(caller, people),
      assertMayApprove: () => assertPermitted(caller, 'approve'),
    });
    const context = new server.ServerCallContext({ requestedVersion: asked });
    const legacy = isLegacy(asked);
    const errorOf = legacy
      ? compat.LegacyJsonRpcTransportHandler.mapToLegacyJSONRPCError
      : server.JsonRpcTransportHandler.mapToJSONRPCError;
    const { id = null } = given as { id?: unknown };
    try {
      server.validateVersion(context.requestedVersion, found, 'JSONRPC');
    } catch (thrown) {
      return c.json({ jsonrpc: '2.0', id, error: errorOf(thrown) } as never);
    }
    const transport = legacy
      ? new compat.LegacyJsonRpcTransportHandler(handler)
      : new server.JsonRpcTransportHandler(handler);
    const answered = await transport.handle(given as Record<string, unknown>, context);
    if (!(Symbol.asyncIterator in answered)) return c.json(answered as never);
    const stream = answered[Symbol.asyncIterator]();
    try {
      const first = await stream.next();
      const frames = framesOf(first, stream, (thrown) => ({ jsonrpc: '2.0', id, error: errorOf(thrown) }));
      const onError = (error: unknown) => log.error({ err: error, requestId: c.get('requestId') }, 'A2A stream broke');
      return streamFrames(c, { frames, leave: () => reader.abort(), onError });
    } catch (thrown) {
      return c.json({ jsonrpc: '2.0', id, error: errorOf(thrown) } as never);
    }
  }

  app.openapi(defaultCardRoute, (c) => showCard(c, DEFAULT_AGENT, c.req.valid('header')['a2a-version']) as never);
  app.openapi(cardRoute, (c) => showCard(c, c.req.valid('param').agent, c.req.valid('header')['a2a-version']) as never);
  app.openapi(
    defaultRoute,
    (c) => answer(c, DEFAULT_AGENT, c.req.valid('json'), c.req.valid('header')['a2a-version']) as never,
  );
  app.openapi(
    namedRoute,
    (c) => answer(c, c.req.valid('param').agent, c.req.valid('json'), c.req.valid('header')['a2a-version']) as never,
  );
}

/** 0.3 knows no header. */
function isLegacy(version: string | undefined): boolean {
  return version === undefined || version.startsWith('0.');
}

/** What goes wrong in mid-stream is its last frame. */
async function* framesOf(
  first: IteratorResult<unknown>,
  rest: AsyncIterator<unknown>,
  failed: (thrown: unknown) => unknown,
): AsyncGenerator<string> {
  try {
    for (let next = first; !next.done; next = await rest.next()) yield `data: ${JSON.stringify(next.value)}\n\n`;
  } catch (thrown) {
    yield `event: error\ndata: ${JSON.stringify(failed(thrown))}\n\n`;
  } finally {
    await rest.return?.();
  }
}
